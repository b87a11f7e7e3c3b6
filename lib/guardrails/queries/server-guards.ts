import { authorize, type Ctx, reader } from '#lib/auth/ctx.ts'
import { serverNotFound } from '#lib/registry/queries.ts'
import type { ServerGuards } from '../schema/server-guards.ts'

/** What the broker does with a server's results. Needs `servers:read`; throws `not_found`. */
export async function getServerGuards(ctx: Ctx, serverId: string): Promise<ServerGuards> {
  authorize(ctx, 'servers:read')
  const found = await reader(ctx).mcpServer.findUnique({
    where: { id: serverId },
    select: { maskSecrets: true, blockMarked: true },
  })
  if (!found) throw serverNotFound(serverId)
  return found
}
