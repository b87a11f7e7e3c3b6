import { z } from 'zod'
import type { Ctx } from '#lib/auth/ctx.ts'
import { exportManifests } from '#lib/lifecycle/queries.ts'
import { listAgents } from '#lib/registry/queries.ts'
import { agentListQuery, type AgentListQuery, type AgentRow } from '#lib/registry/schema.ts'
import { toCsv } from '#lib/web/csv.ts'
import { apiRoute } from '#lib/web/route.ts'

const exportQuery = agentListQuery.omit({ cursor: true, limit: true }).extend({ format: z.enum(['csv', 'yaml']) })

/** All agents that match the catalog's filters, as a file. */
export const GET = apiRoute({ query: exportQuery }, async (ctx, { query: { format, ...filter } }) => {
  const agents = await allAgents(ctx, filter)
  const yaml = format === 'yaml'
  const text = yaml
    ? await exportManifests(
        ctx,
        agents.map(({ id }) => id),
      )
    : agentsCsv(agents)
  return new Response(text, {
    headers: {
      'content-type': yaml ? 'application/yaml; charset=utf-8' : 'text/csv; charset=utf-8',
      'content-disposition': `attachment; filename="agents.${format}"`,
      'cache-control': 'no-store',
    },
  })
})

async function allAgents(ctx: Ctx, filter: Omit<AgentListQuery, 'limit' | 'cursor'>): Promise<AgentRow[]> {
  const agents: AgentRow[] = []
  let cursor: string | undefined
  do {
    const page = await listAgents(ctx, { ...filter, limit: 200, ...(cursor ? { cursor } : {}) })
    agents.push(...page.items)
    cursor = page.nextCursor ?? undefined
  } while (cursor)
  return agents
}

function agentsCsv(agents: readonly AgentRow[]): string {
  return toCsv(
    [
      'id',
      'name',
      'owner',
      'accountable',
      'status',
      'tier',
      'template',
      'template_version',
      'scopes',
      'runs_30d',
      'cost_30d_usd',
      'unpriced_requests',
      'escalation_rate',
      'last_reviewed',
    ],
    agents.map((agent) => [
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
    ]),
  )
}

// Exact, with all six decimals: a table for adding up must not round.
function dollars(micros: string): string {
  const amount = BigInt(micros)
  return `${amount / 1_000_000n}.${(amount % 1_000_000n).toString().padStart(6, '0')}`
}
