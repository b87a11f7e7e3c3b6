import { createServer } from 'node:http'
import { json } from 'node:stream/consumers'
import { expect, onTestFinished, test } from 'vitest'
import { listening } from '#lib/dev/test/broker.ts'
import { until } from '#lib/dev/test/broker-world.ts'
import { shakeHands } from './handshake.ts'

test('a server that greets and does not take that it has begun keeps nobody waiting', async () => {
  const { url, heard, state } = await startServer('notifications/initialized')
  await expect(shakeHands({ url, fetch, timeoutMs: 4000 })).rejects.toThrow()
  expect(heard).toEqual(['server/discover', 'initialize', 'notifications/initialized'])
  // The server learns that nobody waits.
  await until(() => state.left)
})

/** A server of 2025-11-25 that leaves one step of the handshake without an answer. */
async function startServer(silent: string) {
  const heard: string[] = []
  const state = { left: false }
  const http = createServer((request, response) => {
    void (async () => {
      if (request.method !== 'POST') return response.writeHead(405).end()
      const { id, method } = (await json(request)) as { id?: unknown; method: string }
      heard.push(method)
      if (method === silent) return response.once('close', () => (state.left = true))
      if (id === undefined) return response.writeHead(202).end()
      const result = { protocolVersion: '2025-11-25', capabilities: {}, serverInfo: { name: 'slow', version: '1' } }
      const outcome = method === 'initialize' ? { result } : { error: { code: -32601, message: 'unknown' } }
      response.writeHead(200, { 'content-type': 'application/json', 'mcp-session-id': 'session-1' })
      return response.end(JSON.stringify({ jsonrpc: '2.0', id, ...outcome }))
    })()
  })
  onTestFinished(() => {
    http.closeAllConnections()
    http.close()
  })
  return { url: `${await listening(http)}/mcp`, heard, state }
}
