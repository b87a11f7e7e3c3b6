import { authorize, type Ctx, reader } from '#lib/auth/ctx.ts'
import type { ProcessState, ServerProcesses } from '../schema/processes.ts'
import { serverNotFound } from '../server-not-found.ts'

/** A service tells every few seconds of what it runs. */
const silentMs = 60_000

/** How the processes of a server over stdio are divided and how they are; null for a server over HTTP. Needs `servers:read`; throws `not_found`. */
export async function getServerProcesses(ctx: Ctx, serverId: string): Promise<ServerProcesses | null> {
  authorize(ctx, 'servers:read')
  const server = await reader(ctx).mcpServer.findUnique({
    where: { id: serverId },
    select: { transport: true, boundary: true, processes: { orderBy: [{ owner: 'asc' }, { instance: 'asc' }] } },
  })
  if (!server) throw serverNotFound(serverId)
  if (server.transport !== 'stdio') return null
  const processes = server.processes.map((row) => ({
    owner: row.owner,
    instance: row.instance,
    state: isLost(row, ctx.now) ? ('lost' as const) : (row.state as ProcessState),
    restarts: row.restarts,
    lastError: row.lastError,
    stderr: row.stderr as string[],
    memoryBytes: row.memoryBytes === null ? null : Number(row.memoryBytes),
    startedAt: row.startedAt?.toISOString() ?? null,
    changedAt: row.changedAt.toISOString(),
  }))
  return { boundary: server.boundary, processes }
}

function isLost({ state, seenAt }: { state: string; seenAt: Date }, now: Date): boolean {
  return state !== 'stopped' && now.getTime() - seenAt.getTime() > silentMs
}
