import { authorize, type Ctx, reader } from '#lib/auth/ctx.ts'
import { revisionOf } from '#lib/core/revision.ts'
import type { Tx } from '#lib/db/client.ts'
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

/** A server's guards and limits as a text that changes with them; null: there is no such server. With `lock` they are held until the transaction ends. */
export async function guardsRevision(tx: Tx, serverId: string, lock: boolean): Promise<string | null> {
  if (lock) await tx.$queryRaw`select 1 from "McpServer" where "id" = ${serverId} for update`
  const found = await tx.mcpServer.findUnique({ where: { id: serverId }, select: guardsSelect })
  return found && revisionOf(found)
}
