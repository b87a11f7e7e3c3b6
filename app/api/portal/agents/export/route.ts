import { z } from 'zod'
import { authorize } from '#lib/auth/ctx.ts'
import { DomainError } from '#lib/core/errors.ts'
import { exportManifests } from '#lib/lifecycle/queries.ts'
import { agentRows, catalogRows, matchingAgentIds } from '#lib/registry/queries.ts'
import { agentListQuery, type AgentRow } from '#lib/registry/schema.ts'
import { toCsv } from '#lib/web/csv.ts'
import { apiRoute } from '#lib/web/route.ts'
import { streamed } from '#lib/web/stream.ts'

const exportQuery = agentListQuery.omit({ cursor: true, limit: true }).extend({
  format: z.enum(['csv', 'yaml']),
  /** Ids separated by commas: these instead of all that match. */
  ids: z.string().max(13_000).optional(),
})

/** Rows made at a time. */
const pieceRows = 500

/** All agents that match the catalog's filters, or those selected, as a file that is made while it is read. */
export const GET = apiRoute({ query: exportQuery }, async (ctx, { query: { format, ids, ...filter } }) => {
  authorize(ctx, 'agents:read')
  if (format === 'yaml' && filter.asOf !== undefined) {
    const message = 'YAML is there to be applied, so it is of the present; CSV can be of the past.'
    throw new DomainError('invalid', message, { field: 'asOf', rule: 'history:export' })
  }
  const selected = ids?.split(',').filter(Boolean)
  const pieces =
    format === 'yaml'
      ? exportManifests(ctx, selected ?? (await matchingAgentIds(ctx, filter)))
      : agentsCsv(selected ? await agentRows(ctx, selected) : await catalogRows(ctx, filter))
  return new Response(await streamed(pieces), {
    headers: {
      'content-type': format === 'yaml' ? 'application/yaml; charset=utf-8' : 'text/csv; charset=utf-8',
      'content-disposition': `attachment; filename="agents.${format}"`,
      'cache-control': 'no-store',
    },
  })
})

function* agentsCsv(rows: Iterable<AgentRow>): Generator<string> {
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
