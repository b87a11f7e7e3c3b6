import { once } from 'node:events'
import { createServer } from 'node:http'
import { toNodeHandler } from '@modelcontextprotocol/node'
import { createMcpHandler, McpServer } from '@modelcontextprotocol/server'
import { z } from 'zod'

// The upstream of the bench, a process of its own: an ordinary server made with the SDK, with a small and a 10 kB result.
const tenKilobytes = 'x'.repeat(10_000)

const handler = createMcpHandler(() => {
  const server = new McpServer({ name: 'bench-upstream', version: '1' })
  const inputSchema = z.object({ word: z.string() })
  const annotations = { readOnlyHint: true }
  server.registerTool('small', { description: 'a small result', inputSchema, annotations }, ({ word }) => ({
    content: [{ type: 'text', text: word }],
  }))
  server.registerTool('large', { description: 'a 10 kB result', inputSchema, annotations }, () => ({
    content: [{ type: 'text', text: tenKilobytes }],
  }))
  return server
})
const handle = toNodeHandler(handler)
const http = createServer((request, response) => void handle(request, response))
http.listen(0, '127.0.0.1')
await once(http, 'listening')
process.send?.((http.address() as { port: number }).port)
