import { z } from 'zod'
import { catalogColumns } from './columns.ts'

export const agentSorts = [
  'id',
  'name',
  'owner',
  'status',
  'tier',
  'scopes',
  'runs',
  'cost',
  'escalation',
  'reviewed',
  'next_review',
  'active',
  'template',
  'model',
  'sponsor',
  'created',
] as const
export type AgentSort = (typeof agentSorts)[number]

/** So long may the text of a query be. */
export const queryLengthMax = 1000

/**
 * What page, REST and CLI ask the catalog with. `q` is the query language (`can:write env:production owner:x text`, see README.md); the
 * other filters are the same qualifiers spelled out and narrow further. Values separated by commas mean any of them.
 */
export const agentListQuery = z.strictObject({
  q: z.string().max(queryLengthMax).default(''),
  can: z.string().max(100).optional(),
  env: z.string().max(100).optional(),
  data: z.string().max(200).optional(),
  server: z.string().max(500).optional(),
  tool: z.string().max(500).optional(),
  owner: z.string().max(500).optional(),
  status: z.string().max(100).optional(),
  tier: z.string().max(100).optional(),
  template: z.string().max(500).optional(),
  drift: z.string().max(100).optional(),
  overdue: z.string().max(100).optional(),
  model: z.string().max(200).optional(),
  sponsor: z.string().max(500).optional(),
  orphaned: z.string().max(100).optional(),
  sort: z.enum(agentSorts).default('id'),
  order: z.enum(['asc', 'desc']).default('asc'),
  limit: z.coerce.number().int().min(1).max(200).default(50),
  cursor: z.string().max(1000).optional(),
  /** An instant: what the answer would have been then. */
  asOf: z.string().max(50).optional(),
})
export type AgentListQuery = z.infer<typeof agentListQuery>
/** The same before defaults: what a caller has to write. */
export type AgentListInput = z.input<typeof agentListQuery>

/** Columns of the page separated by commas: a table shows what they show, in their order. */
export const csvColumns = z
  .string()
  .max(300)
  .transform((text) => [...new Set(text.split(',').filter(Boolean))])
  .pipe(z.array(z.enum(catalogColumns)).min(1))

/** What the catalog can be narrowed by at a click, in the order they are shown. */
export const facetKeys = [
  'can', 'env', 'data', 'status', 'tier', 'owner', 'server', 'template', 'drift', 'overdue', 'orphaned', 'model',
] as const // prettier-ignore
export type FacetKey = (typeof facetKeys)[number]
export type FacetValue = { value: string; label: string; count: number }

/** Counts by value; each facet ignores its own filter, so that another value can be picked. Sorted by count, then value. */
export type AgentFacets = Record<FacetKey, FacetValue[]>

/** Something a query names that does not exist, and what was probably meant. */
export type QueryHint = { key: string; value: string; message: string; suggestion: string | null }

/** `at` is the cursor's place in the text, in UTF-16 units from 0; left out: the end. */
export const completeQueryInput = z.strictObject({
  q: z.string().max(queryLengthMax).default(''),
  at: z.coerce.number().int().min(0).max(1000).optional(),
})
export type CompleteQueryInput = z.input<typeof completeQueryInput>

export type QueryCompletion = {
  /** What the completions replace: the token at the cursor. */
  from: number
  to: number
  /** `text` is written in that place; `count` says how many agents the query then finds, null for a key and while it is no query yet. */
  items: { text: string; label: string; detail: string; count: number | null }[]
}

/** Why an agent does or does not match, part by part of the query. */
export type QueryExplanation = {
  agent: { id: string; name: string }
  query: string
  matches: boolean
  parts: ExplainedPart[]
}
export type ExplainedPart = {
  text: string
  matches: boolean
  /** In words: what the agent has, and for access what reaches it or why it does not count. */
  because: string
  parts?: ExplainedPart[]
}
