import { randomUUID } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { NodeStreamableHTTPServerTransport } from '@modelcontextprotocol/node'
import type { McpServer } from '@modelcontextprotocol/server'
import { memoryOfEvents } from './event-store.ts'

/** The sessions of a server of 2025-11-25, one server made for each; `keeps`: it keeps the events of its streams. */
export function sessionTransports({ make, keeps }: { make: () => McpServer; keeps: boolean }) {
  const sessions = new Map<string, NodeStreamableHTTPServerTransport>()
  return {
    sessions,
    /** That of the request, or of a new session; null, and answered, where it names one that is not there. */
    async transportFor(
      request: IncomingMessage,
      response: ServerResponse,
    ): Promise<NodeStreamableHTTPServerTransport | null> {
      const id = request.headers['mcp-session-id']
      const known = typeof id === 'string' ? sessions.get(id) : undefined
      if (known) return known
      if (id !== undefined) {
        response.writeHead(404).end()
        return null
      }
      const transport = new NodeStreamableHTTPServerTransport({
        sessionIdGenerator: () => randomUUID(),
        ...(keeps ? { eventStore: memoryOfEvents(), retryInterval: 50 } : {}),
        onsessioninitialized: (name) => void sessions.set(name, transport),
        onsessionclosed: (name) => void sessions.delete(name),
      })
      await make().connect(transport)
      return transport
    },
  }
}
