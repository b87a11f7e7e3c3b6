import { authorize, type Ctx, reader } from '#lib/auth/ctx.ts'
import { serverNotFound } from '#lib/registry/queries.ts'
import type { CallPrices } from '../schema/call-prices.ts'

/** What calls of a server's tools cost: those that it lists, and those that have a price. Needs `servers:read`; throws `not_found`. */
export async function callPrices(ctx: Ctx, serverId: string): Promise<CallPrices> {
  authorize(ctx, 'servers:read')
  const server = await reader(ctx).mcpServer.findUnique({
    where: { id: serverId },
    select: {
      listUnitPriceMicros: true,
      tools: {
        where: { OR: [{ state: { not: 'removed' } }, { listUnitPriceMicros: { not: null } }] },
        orderBy: { name: 'asc' },
        select: { name: true, listUnitPriceMicros: true },
      },
    },
  })
  if (!server) throw serverNotFound(serverId)
  const standard = server.listUnitPriceMicros
  return {
    serverId,
    listUnitPriceMicros: standard?.toString() ?? null,
    tools: server.tools.map(({ name, listUnitPriceMicros: own }) => ({
      tool: name,
      listUnitPriceMicros: (own ?? standard)?.toString() ?? null,
      setFor: own !== null ? 'tool' : standard !== null ? 'server' : null,
    })),
  }
}
