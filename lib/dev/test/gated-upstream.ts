import { once } from 'node:events'
import { createServer } from 'node:http'
import { toNodeHandler } from '@modelcontextprotocol/node'
import { createMcpHandler, McpServer } from '@modelcontextprotocol/server'
import { z } from 'zod'
import { listening } from '#lib/dev/test/broker.ts'

export type GatedUpstream = {
  url: string
  /** Calls that stand before the gate now. */
  waiting: number
  /** Authorization headers of all requests, in order. */
  authorizations: string[]
  /** Lets those who wait through. */
  open(): void
  stop(): Promise<void>
}

/** An MCP server with the tools `gate`, which answers when the test lets it, and `note`, which answers at once; both say the server's name. */
export async function startGatedUpstream(name: string): Promise<GatedUpstream> {
  const gates: (() => void)[] = []
  const authorizations: string[] = []
  const answer = { content: [{ type: 'text' as const, text: name }] }
  const inputSchema = z.object({ word: z.string().optional() })
  const annotations = { readOnlyHint: true }
  const handle = toNodeHandler(
    createMcpHandler(() => {
      const server = new McpServer({ name, version: '1' })
      server.registerTool('note', { inputSchema, annotations }, () => answer)
      server.registerTool('gate', { inputSchema, annotations }, async () => {
        await new Promise<void>((resolve) => gates.push(resolve))
        return answer
      })
      return server
    }),
  )
  const http = createServer((request, response) => {
    authorizations.push(request.headers.authorization ?? '')
    void handle(request, response)
  })
  const url = await listening(http)
  return {
    url: `${url}/mcp`,
    get waiting() {
      return gates.length
    },
    authorizations,
    open: () => gates.splice(0).forEach((open) => open()),
    async stop() {
      const closed = once(http, 'close')
      http.close()
      http.closeAllConnections()
      await closed
    },
  }
}
