import type { Db } from '#lib/db/client.ts'
import { type ServerCommand, serverCommand } from '#lib/registry/schema/transport.ts'

/** What the registry says of a server over stdio. The broker asks for a process; what is started is said here. */
export type RegisteredServer = {
  id: string
  /** Null: what is registered is no command, so nothing is started. */
  command: ServerCommand | null
  boundary: 'server' | 'team' | 'agent'
  /** How long the broker waits for it; null: as long as for any server. */
  callDeadlineSeconds: number | null
  /** A program that is only looked at before it is registered, in the folder of the id it is to have; null: a server. */
  probe: { folder: string | null } | null
}

/** A probe that has not ended by then has been given up. */
const probeMs = 5 * 60_000

/** The servers whose programs may run now, and the programs that a probe starts once. */
export async function findRegisteredServers(db: Db): Promise<ReadonlyMap<string, RegisteredServer>> {
  const [rows, probes] = await Promise.all([
    db.mcpServer.findMany({
      where: { transport: 'stdio', status: 'active' },
      select: { id: true, command: true, boundary: true, callDeadlineSeconds: true },
    }),
    db.serverProbe.findMany({
      where: { url: '', finishedAt: null, createdAt: { gt: new Date(Date.now() - probeMs) } },
      select: { id: true, command: true, folder: true },
    }),
  ])
  const servers = rows.map((row) => ({ ...row, probe: null }))
  const probed = probes.map(({ folder, ...row }) => ({
    ...row,
    boundary: 'server' as const,
    callDeadlineSeconds: null,
    probe: { folder },
  }))
  return new Map(
    [...servers, ...probed].map((row) => [
      row.id,
      { ...row, command: serverCommand.safeParse(row.command).data ?? null },
    ]),
  )
}
