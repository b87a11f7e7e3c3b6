import { once } from 'node:events'
import { createServer } from 'node:http'
import { toNodeHandler } from '@modelcontextprotocol/node'
import { createMcpHandler, McpServer } from '@modelcontextprotocol/server'
import { z } from 'zod'
import { legacyHandler } from '#lib/dev/test/broker.ts'

// The upstream of the bench, a process of its own: an ordinary server made with the SDK, with a small and a 10 kB result and a change.
// `/mcp` speaks 2026-07-28, `/sessions` 2025-11-25.
const tenKilobytes = 'x'.repeat(10_000)

const make = (): McpServer => {
  const server = new McpServer({ name: 'bench-upstream', version: '1' })
  const inputSchema = z.object({ word: z.string() })
  const reads = { readOnlyHint: true }
  const changes = { readOnlyHint: false, destructiveHint: false }
  server.registerTool('small', { description: 'a small result', inputSchema, annotations: reads }, ({ word }) => ({
    content: [{ type: 'text', text: word }],
  }))
  server.registerTool('large', { description: 'a 10 kB result', inputSchema, annotations: reads }, () => ({
    content: [{ type: 'text', text: tenKilobytes }],
  }))
  server.registerTool('change', { description: 'a change', inputSchema, annotations: changes }, ({ word }) => ({
    content: [{ type: 'text', text: word }],
  }))
  return server
}
const stateless = toNodeHandler(createMcpHandler(make))
const sessions = legacyHandler(make)
const http = createServer((request, response) => {
  void (request.url === '/sessions' ? sessions(request, response) : stateless(request, response))
})
http.listen(0, '127.0.0.1')
await once(http, 'listening')
process.send?.((http.address() as { port: number }).port)
