import { createServer } from 'node:http'
import { toNodeHandler } from '@modelcontextprotocol/node'
import { createMcpHandler, McpServer } from '@modelcontextprotocol/server'
import { z } from 'zod'
import { listening } from '#lib/dev/test/broker.ts'

/** A server whose tools answer at the length and depth they are asked for, and one that takes three seconds. */
export async function startSizedServer() {
  const handle = toNodeHandler(createMcpHandler(makeServer))
  const http = createServer((request, response) => void handle(request, response))
  return { http, url: `${await listening(http)}/mcp` }
}

function makeServer(): McpServer {
  const server = new McpServer({ name: 'limits', version: '1' })
  const inputSchema = z.object({ count: z.number() })
  const annotations = { readOnlyHint: true }
  server.registerTool('long', { inputSchema, annotations }, ({ count }) => ({
    content: [{ type: 'text', text: 'x'.repeat(count) }],
  }))
  server.registerTool('deep', { inputSchema, annotations }, ({ count }) => {
    let value: unknown = 1
    for (let i = 0; i < count; i += 1) value = [value]
    return { content: [], structuredContent: { value } }
  })
  server.registerTool('slow', { annotations }, async () => {
    await new Promise((resolve) => setTimeout(resolve, 3000))
    return { content: [] }
  })
  return server
}
