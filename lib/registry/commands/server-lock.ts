import type { Tx } from '#lib/db/client.ts'
import { serverNotFound } from '../server-not-found.ts'

export type LockedServer = Awaited<ReturnType<typeof lockServer>>

/** Locks a server's row until the transaction ends, so that its changes take turns. Throws `not_found`. */
export async function lockServer(tx: Tx, id: string) {
  await tx.$queryRaw`select 1 from "McpServer" where "id" = ${id} for update`
  const server = await tx.mcpServer.findUnique({
    where: { id },
    select: {
      id: true,
      name: true,
      description: true,
      transport: true,
      url: true,
      command: true,
      environment: true,
      sensitivity: true,
      dataClasses: true,
      status: true,
      approverId: true,
      maskSecrets: true,
      blockMarked: true,
      resultBytesMax: true,
      resultDepthMax: true,
      callsPerSecond: true,
      callDeadlineSeconds: true,
      boundary: true,
    },
  })
  if (!server) throw serverNotFound(id)
  return server
}

export function subjectOf(server: { id: string; name: string }) {
  return { subject: { kind: 'server', id: server.id, name: server.name }, serverId: server.id }
}
