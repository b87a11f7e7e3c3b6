import { authorize, type Ctx, reader } from '#lib/auth/ctx.ts'
import { serverNotFound } from '#lib/registry/queries.ts'
import type { ServerGuards } from '../schema/server-guards.ts'

export const guardsSelect = {
  maskSecrets: true,
  blockMarked: true,
  callsPerSecond: true,
  callDeadlineSeconds: true,
  resultBytesMax: true,
  resultDepthMax: true,
} as const

/** What the broker does with a server's results, and the server's own limits. Needs `servers:read`; throws `not_found`. */
export async function getServerGuards(ctx: Ctx, serverId: string): Promise<ServerGuards> {
  authorize(ctx, 'servers:read')
  const found = await reader(ctx).mcpServer.findUnique({ where: { id: serverId }, select: guardsSelect })
  if (!found) throw serverNotFound(serverId)
  return found
}
