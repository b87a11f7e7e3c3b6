import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { Db } from '#lib/db/client.ts'
import { listening } from '#lib/dev/test/broker.ts'

type Handler = (request: IncomingMessage, response: ServerResponse) => unknown

/** Serves each of these and registers it under its name; `stop` ends them all. */
export async function served(db: Db, handlers: Readonly<Record<string, Handler>>): Promise<{ stop(): void }> {
  const servers = Object.entries(handlers).map(([id, handle]) => ({
    id,
    http: createServer((request, response) => void handle(request, response)),
  }))
  for (const { id, http } of servers) {
    const about = { description: '', environment: 'staging', sensitivity: 'internal', demo: true } as const
    await db.mcpServer.create({ data: { id, name: id, url: `${await listening(http)}/mcp`, ...about } })
  }
  return {
    stop() {
      for (const { http } of servers) {
        http.close()
        http.closeAllConnections()
      }
    },
  }
}
