import { authorize, type Ctx, reader } from '#lib/auth/ctx.ts'
import { isHealthKnown } from '../rules/server-health.ts'
import type { ServerHealthView } from '../schema/health.ts'

/** How the brokers find a server, those that had trouble with it only. Needs `servers:read`. */
export async function listServerHealth(ctx: Ctx, serverId: string): Promise<ServerHealthView[]> {
  authorize(ctx, 'servers:read')
  const rows = await reader(ctx).serverHealth.findMany({ where: { serverId }, orderBy: { broker: 'asc' } })
  const known = rows.filter((row) => isHealthKnown(row, ctx.now))
  return known.map((row) => ({
    broker: row.broker,
    state: row.state === 'open' ? 'open' : 'closed',
    failures: row.failures,
    lastError: row.lastError,
    retryAt: row.retryAt?.toISOString() ?? null,
    changedAt: row.changedAt.toISOString(),
  }))
}

/** The servers that a broker has said are unavailable, and nothing since, however long ago. Needs `servers:read`. */
export async function unavailableServers(ctx: Ctx, { broker }: { broker: string }): Promise<string[]> {
  authorize(ctx, 'servers:read')
  const rows = await reader(ctx).serverHealth.findMany({
    where: { broker, state: 'open' },
    select: { serverId: true },
  })
  return rows.map(({ serverId }) => serverId)
}
