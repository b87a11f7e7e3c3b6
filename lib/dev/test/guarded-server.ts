import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import { toNodeHandler } from '@modelcontextprotocol/node'
import { createMcpHandler, McpServer } from '@modelcontextprotocol/server'
import { z } from 'zod'

/** Lets an HTTP server be an MCP server that takes tokens of one authorization server (RFC 9728), and whose one tool says something. */
export function guardWith(
  mcp: Server,
  of: { origin: string; issuer: string; issued: ReadonlySet<string>; says: () => string },
): void {
  const { origin, issuer, issued, says } = of
  const handle = toNodeHandler(createMcpHandler(() => echoServer(says())))
  mcp.on('request', (request: IncomingMessage, response: ServerResponse) => {
    if (request.url?.startsWith('/.well-known')) {
      return sendJson(response, 200, { resource: `${origin}/mcp`, authorization_servers: [issuer] })
    }
    const token = request.headers.authorization?.replace('Bearer ', '') ?? ''
    if (issued.has(token)) return void handle(request, response)
    const metadata = `${origin}/.well-known/oauth-protected-resource/mcp`
    response.writeHead(401, { 'www-authenticate': `Bearer resource_metadata="${metadata}"` }).end()
  })
}

function echoServer(says: string): McpServer {
  const server = new McpServer({ name: 'guarded', version: '1' })
  const about = { description: 'says it', inputSchema: z.object({}), annotations: { readOnlyHint: true } }
  server.registerTool('echo', about, () => ({ content: [{ type: 'text' as const, text: says }] }))
  return server
}

export function sendJson(response: ServerResponse, status: number, body: Record<string, unknown>): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
}
