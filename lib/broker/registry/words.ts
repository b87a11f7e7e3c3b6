import { z } from 'zod'
import type { AgentRow, ScopeChip } from '#lib/registry/schema.ts'
import { microsPerDollar } from '#lib/core/money.ts'

// What several tools say, in few words: a model reads every one of them.

const queryWords =
  'The catalog\'s query language, e.g. `can:write env:production -status:retired owner:finance-platform runs:<5 idle:>30d "free text"`. Terms must all hold, commas mean any of, `-` negates, `( … or … )` are alternatives. The resource wheelhouse://help/query has every qualifier; complete_query finds existing values. Empty: all agents.'

export const query = z.string().max(1000).default('').describe(queryWords)
export const agentId = z.string().min(1).max(100).describe('The id of an agent, e.g. invoice-reconciler-7.')
export const serverId = z.string().min(1).max(100).describe('The id of an MCP server, e.g. erp.')

/** The first page's length is small on purpose: total and counts answer most questions. */
export const pageLimit = (standard: number, most: number) =>
  z.int().min(1).max(most).default(standard).describe('How many at most.')
export const cursor = z
  .string()
  .max(1000)
  .optional()
  .describe('nextCursor of the page before, with everything else as it was.')

export const asOf = z
  .string()
  .max(50)
  .optional()
  .describe('An instant of the past (ISO 8601, e.g. 2026-11-01T12:00:00Z): the answer is what it would have been then.')

export const agentSummary = z.object({
  id: z.string(),
  name: z.string(),
  purpose: z.string(),
  owner: z.string().describe('Id of the owner team.'),
  accountable: z.string().describe('Who answers for it.'),
  accountableActive: z.boolean().describe('false: that person cannot sign in any more; the agent is orphaned.'),
  status: z.string(),
  tier: z.string().describe('Risk tier.'),
  scopes: z
    .array(z.string())
    .describe('Grants in force: server:class or server:class:tool, with the environment in brackets.'),
  template: z.string(),
  model: z.string(),
  runs30d: z.int(),
  costUsd30d: z.number(),
  escalationRate: z.number().nullable().describe('Share of runs with an escalation, 0 to 1; null: no runs.'),
  lastRunDay: z.string().nullable(),
  lastReviewedAt: z.string().nullable(),
})

export function summaryOf(row: AgentRow): z.input<typeof agentSummary> {
  return {
    id: row.id,
    name: row.name,
    purpose: row.purpose,
    owner: row.owner.id,
    accountable: row.accountable.name,
    accountableActive: row.accountable.active,
    status: row.status,
    tier: row.tier,
    scopes: row.scopes.map(scopeText),
    template: `${row.template.id}@${row.template.version}`,
    model: row.model,
    runs30d: row.monthlyRuns,
    costUsd30d: dollars(row.cost30dMicros),
    escalationRate: row.escalationRate,
    lastRunDay: row.lastRunDay,
    lastReviewedAt: row.lastReviewedAt,
  }
}

export function scopeText({ serverId, environment, class: toolClass, toolName }: Omit<ScopeChip, 'expiresAt'>): string {
  return `${serverId}:${toolClass}${toolName === null ? '' : `:${toolName}`} [${environment}]`
}

/** For reading only: sums are made of micro-dollars. */
export function dollars(micros: string): number {
  return Number(micros) / Number(microsPerDollar)
}

export function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`
}

/** What teams write may hold anything; on a line of an answer it takes one line. */
export function line(text: string): string {
  return text.replaceAll(/\s+/g, ' ').trim()
}
