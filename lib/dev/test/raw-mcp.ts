import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'

type Answer = (method: string, params: Record<string, unknown>, request: IncomingMessage) => object | Promise<object>

/** A server of the older era that says what no library would let it say: `answer` makes the result of each list and call. */
export async function startRawMcp(options: { answer: Answer; nameOf?: (request: IncomingMessage) => string }) {
  const http = createServer((request, response) => {
    void (async () => {
      let body = ''
      for await (const piece of request) body += String(piece)
      if (request.method !== 'POST') return response.writeHead(405).end()
      const { id, method, params = {} } = JSON.parse(body) as { id?: number; method: string; params?: never }
      if (id === undefined) return response.writeHead(202).end()
      const outcome = await outcomeOf(options, { method, params, request })
      response.writeHead(200, { 'content-type': 'application/json' })
      return response.end(JSON.stringify({ jsonrpc: '2.0', id, ...outcome }))
    })().catch(() => response.destroy())
  })
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve))
  const { port } = http.address() as AddressInfo
  return { url: `http://127.0.0.1:${port}/mcp`, stop: async () => await closed(http) }
}

async function outcomeOf(
  { answer, nameOf }: Parameters<typeof startRawMcp>[0],
  { method, params, request }: { method: string; params: Record<string, unknown>; request: IncomingMessage },
): Promise<object> {
  if (method === 'initialize') {
    const { protocolVersion } = params
    const serverInfo = { name: nameOf?.(request) ?? 'raw', version: '1' }
    return { result: { protocolVersion, capabilities: { tools: {} }, serverInfo } }
  }
  if (method !== 'tools/list' && method !== 'tools/call')
    return { error: { code: -32_601, message: 'Method not found' } }
  return { result: await answer(method, params, request) }
}

async function closed(http: Server): Promise<void> {
  const end = new Promise<void>((resolve) => http.close(() => resolve()))
  http.closeAllConnections()
  await end
}
