import type { AgentRow } from '#lib/registry/schema.ts'
import { toCsv } from './csv.ts'

/** Rows made at a time. */
const pieceRows = 500

/** The catalog's rows as a table, piece by piece. */
export function* agentsCsv(rows: Iterable<AgentRow>): Generator<string> {
  let piece = toCsv(header, [])
  let count = 0
  for (const row of rows) {
    piece += toCsv(cells(row), [])
    count += 1
    if (count % pieceRows > 0) continue
    yield piece
    piece = ''
  }
  yield piece
}

const header = [
  'id', 'name', 'owner', 'accountable', 'status', 'tier', 'template', 'template_version', 'scopes', 'runs_30d', 'cost_30d_usd', 'unpriced_requests',
  'escalation_rate', 'last_reviewed',
] // prettier-ignore

function cells(agent: AgentRow): (string | number)[] {
  return [
    agent.id,
    agent.name,
    agent.owner.id,
    agent.accountable.name,
    agent.status,
    agent.tier,
    agent.template.id,
    agent.template.version,
    agent.scopes.map((scope) => `${scope.serverId}:${scope.toolName ?? scope.class}`).join(' '),
    agent.monthlyRuns,
    dollars(agent.cost30dMicros),
    agent.unpricedRequests,
    agent.escalationRate ?? '',
    agent.lastReviewedAt ?? '',
  ]
}

// Exact, with all six decimals: a table for adding up must not round.
function dollars(micros: string): string {
  const amount = BigInt(micros)
  return `${amount / 1_000_000n}.${(amount % 1_000_000n).toString().padStart(6, '0')}`
}
