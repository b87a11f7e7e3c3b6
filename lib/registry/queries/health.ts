import { authorize, type Ctx, reader } from '#lib/auth/ctx.ts'
import type { ServerHealthView } from '../schema/health.ts'

/** An open circuit is asked again every minute at least; what its broker has not confirmed for this long says nothing any more. */
const staleMs = 5 * 60_000

/** How the brokers find a server, those that had trouble with it only. Needs `servers:read`. */
export async function listServerHealth(ctx: Ctx, serverId: string): Promise<ServerHealthView[]> {
  authorize(ctx, 'servers:read')
  const rows = await reader(ctx).serverHealth.findMany({ where: { serverId }, orderBy: { broker: 'asc' } })
  const isKnown = (row: { retryAt: Date | null }) =>
    row.retryAt === null || row.retryAt.getTime() > ctx.now.getTime() - staleMs
  return rows.filter(isKnown).map((row) => ({
    broker: row.broker,
    state: row.state === 'open' ? 'open' : 'closed',
    failures: row.failures,
    lastError: row.lastError,
    retryAt: row.retryAt?.toISOString() ?? null,
    changedAt: row.changedAt.toISOString(),
  }))
}
