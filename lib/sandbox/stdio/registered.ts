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
}

/** The servers whose programs may run now. */
export async function findRegisteredServers(db: Db): Promise<ReadonlyMap<string, RegisteredServer>> {
  const rows = await db.mcpServer.findMany({
    where: { transport: 'stdio', status: 'active' },
    select: { id: true, command: true, boundary: true, callDeadlineSeconds: true },
  })
  return new Map(
    rows.map(({ id, command, boundary, callDeadlineSeconds }) => [
      id,
      { id, boundary, callDeadlineSeconds, command: serverCommand.safeParse(command).data ?? null },
    ]),
  )
}
