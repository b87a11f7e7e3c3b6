import type { CatalogColumn } from '#lib/registry/schema/columns.ts'
import type { AgentRow } from '#lib/registry/schema.ts'
import { toCsv } from './csv.ts'

/** Rows made at a time. */
const pieceRows = 500

type Field = keyof typeof fields

/** The catalog's rows as a table, piece by piece: with what the chosen columns show, in their order, or with every field. */
export function* agentsCsv(rows: Iterable<AgentRow>, columns?: readonly CatalogColumn[]): Generator<string> {
  const names = columns ? fieldsOf(columns) : allFields
  const cellsOf = names.map((name) => fields[name])
  let piece = toCsv(names, [])
  let count = 0
  for (const row of rows) {
    piece += toCsv(
      cellsOf.map((cellOf) => cellOf(row)),
      [],
    )
    count += 1
    if (count % pieceRows > 0) continue
    yield piece
    piece = ''
  }
  yield piece
}

/** By their names in the first row. */
const fields = {
  id: ({ id }) => id,
  name: ({ name }) => name,
  owner: ({ owner }) => owner.id,
  owner_name: ({ owner }) => owner.name,
  accountable: ({ accountable }) => accountable.name,
  status: ({ status }) => status,
  tier: ({ tier }) => tier,
  template: ({ template }) => template.id,
  template_version: ({ template }) => template.version,
  accountable_active: ({ accountable }) => yesOrNo(accountable.active),
  orphaned: ({ accountable, status }) => yesOrNo(!accountable.active && status !== 'retired'),
  /** The newest version that is published, where the agent is behind it. */
  template_newer: ({ template }) => (template.latest === template.version ? '' : (template.latest ?? '')),
  scopes: ({ scopes }) => scopes.map((scope) => `${scope.serverId}:${scope.toolName ?? scope.class}`).join(' '),
  /** One for each scope, in the same order. */
  scope_environments: ({ scopes }) => scopes.map(({ environment }) => environment).join(' '),
  runs_30d: ({ monthlyRuns }) => monthlyRuns,
  cost_30d_usd: ({ cost30dMicros }) => dollars(cost30dMicros),
  unpriced_requests: ({ unpricedRequests }) => unpricedRequests,
  escalation_rate: ({ escalationRate }) => escalationRate ?? '',
  last_reviewed: ({ lastReviewedAt }) => lastReviewedAt ?? '',
  next_review: ({ nextReviewAt }) => nextReviewAt ?? '',
  last_run: ({ lastRunDay }) => lastRunDay ?? '',
  model: ({ model }) => model,
  registered: ({ createdAt }) => createdAt,
} satisfies Record<string, (row: AgentRow) => string | number>

const allFields = Object.keys(fields) as Field[]

/** What each column of the catalog shows. */
const shownIn: Record<CatalogColumn, readonly Field[]> = {
  agent: ['id', 'name'],
  owner: ['owner', 'owner_name', 'accountable'],
  sponsor: ['accountable', 'accountable_active'],
  status: ['status', 'tier', 'orphaned'],
  tier: ['tier'],
  scopes: ['scopes', 'scope_environments'],
  runs: ['runs_30d'],
  cost: ['cost_30d_usd', 'unpriced_requests'],
  escalation: ['escalation_rate'],
  active: ['last_run', 'registered'],
  reviewed: ['last_reviewed'],
  next_review: ['next_review'],
  template: ['template', 'template_version', 'template_newer'],
  model: ['model'],
  created: ['registered'],
}

/** The id comes first whatever is shown: without it nobody could say whose row it is. */
function fieldsOf(columns: readonly CatalogColumn[]): readonly Field[] {
  return [...new Set<Field>(['id', ...columns.flatMap((column) => shownIn[column])])]
}

function yesOrNo(is: boolean): 'yes' | 'no' {
  return is ? 'yes' : 'no'
}

// Exact, with all six decimals: a table for adding up must not round.
function dollars(micros: string): string {
  const amount = BigInt(micros)
  return `${amount / 1_000_000n}.${(amount % 1_000_000n).toString().padStart(6, '0')}`
}
