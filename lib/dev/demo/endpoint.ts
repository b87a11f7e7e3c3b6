import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { localhostHostValidation, localhostOriginValidation, toNodeHandler } from '@modelcontextprotocol/node'
import { createMcpHandler, type McpServerFactory } from '@modelcontextprotocol/server'
import { equalInConstantTime } from '#lib/core/secret-box.ts'
import type { Log } from '#lib/log/log.ts'

export type Endpoint = { readonly port: number; stop(): Promise<void> }

/**
 * One MCP server at `/mcp` over Streamable HTTP, both protocol eras. Every request must carry the upstream credential as a bearer token; whoever
 * lacks it gets 401 and learns nothing, not even which tools there are.
 *
 * @param options.port 0 takes a free one
 */
export async function startEndpoint(options: {
  name: string
  host: string
  port: number
  token: string
  factory: McpServerFactory
  log: Log
}): Promise<Endpoint> {
  const onerror = (error: Error) =>
    options.log.warn({ err: error, server: options.name }, 'demo server refused a request')
  const handler = createMcpHandler(options.factory, { onerror })
  const handle = toNodeHandler(handler, { onerror })
  const loopback = ['127.0.0.1', 'localhost', '::1'].includes(options.host)
  const validHost = localhostHostValidation()
  const validOrigin = localhostOriginValidation()

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (loopback && (!validHost(request, response) || !validOrigin(request, response))) return
    if (request.url === '/healthz') return void response.writeHead(200, { 'content-type': 'text/plain' }).end('ok\n')
    if (request.url?.split('?')[0] !== '/mcp') return void response.writeHead(404).end()
    if (!equalInConstantTime(request.headers.authorization ?? '', `Bearer ${options.token}`))
      return void response.writeHead(401, { 'www-authenticate': `Bearer realm="${options.name}"` }).end()
    await handle(request, response)
  }

  const server = createServer((request, response) => {
    answer(request, response).catch((error: Error) => {
      onerror(error)
      response.destroy()
    })
  })
  await listening(server, options)
  const address = server.address()
  return {
    port: typeof address === 'object' && address ? address.port : options.port,
    async stop() {
      await handler.close()
      await new Promise<void>((resolve) => {
        server.close(() => resolve())
        server.closeIdleConnections()
        setTimeout(() => server.closeAllConnections(), 2000).unref()
      })
    },
  }
}

function listening(server: Server, { host, port, name }: { host: string; port: number; name: string }): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const taken = error.code === 'EADDRINUSE'
      reject(taken ? new Error(`Port ${port} of the demo server ${name} is taken: set WHEELHOUSE_DEMO_PORT.`) : error)
    })
    server.listen(port, host, resolve)
  })
}
