import type { AgentListInput } from '#lib/registry/schema.ts'

/** What is asked, by name: `list` cases are a page of 50 with its total and all facets; `agent` is one by its id. */
export type Case = { name: string; kind: 'search' | 'list' | 'agent'; input: AgentListInput }

/** At 100,000 agents: milliseconds of p95 with one asker and with sixteen, and p50 by that of 10,000. */
export function barOf({ kind }: Case): { p95: readonly [number, number]; growth: number } | null {
  if (kind === 'agent') return null
  return { p95: kind === 'list' ? [20, 20] : [50, 150], growth: 3 }
}

const search = (name: string, q: string, rest: AgentListInput = {}): Case => ({
  name,
  kind: 'search',
  input: { q, ...rest },
})

export const cases: readonly Case[] = [
  search('list page, facets', ''),
  { name: 'can write production: count, page', kind: 'list', input: { q: 'can:write env:production' } },
  search('can write production, facets', 'can:write env:production'),
  search('can:read', 'can:read'),
  search('env:', 'env:staging'),
  search('data:', 'data:personal'),
  search('server:', 'server:fleet-erp-prod-0'),
  search('tool:', 'tool:post_erp'),
  search('owner:', 'owner:fleet-finance-emea'),
  search('status:', 'status:active'),
  search('tier:', 'tier:low,medium'),
  search('template:@<', 'template:fleet-reporter@<2.0'),
  search('drift:', 'drift:any'),
  search('reviewed:', 'reviewed:<2026-06-01'),
  search('overdue:', 'overdue:yes'),
  search('orphaned:', 'orphaned:yes'),
  search('runs:', 'runs:<5'),
  search('cost:', 'cost:>10'),
  search('escalation:', 'escalation:>0.1'),
  search('idle:', 'idle:>30d'),
  search('model:', 'model:opus'),
  search('sponsor:', 'sponsor:none'),
  search('full text, rare', '"chargebacks nordics"'),
  search('full text, broad', 'invoices'),
  search('full text, in every agent', 'tell a person'),
  search('negation', '-status:retired -tier:low'),
  search('or groups', '(tier:high or runs:>50) (server:fleet-erp-prod-0 or server:fleet-crm-prod-1)'),
  search('everything at once', 'can:write env:production status:active drift:any runs:>5 -model:opus invoices'),
  search('sorted by cost', '', { sort: 'cost', order: 'desc' }),
  search('sorted by owner', 'status:active', { sort: 'owner' }),
  { name: 'one by id', kind: 'agent', input: {} },
]
