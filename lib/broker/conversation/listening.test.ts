import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { json } from 'node:stream/consumers'
import { expect, onTestFinished, test } from 'vitest'
import { listening } from '#lib/dev/test/broker.ts'
import { until } from '#lib/dev/test/broker-world.ts'
import { standardLimits } from '../limits.ts'
import { UpstreamConnection } from '../upstream/connection.ts'
import { noCredential } from '../upstream/credential.ts'
import { listenInSession } from './listening.ts'

type Rpc = { id?: unknown; method?: string; params?: { uri?: string } }

test('what a server asks in a session that only listens is answered for its agent, which hears the rest', async () => {
  const changed = { jsonrpc: '2.0', method: 'notifications/prompts/list_changed' }
  const server = await startServer()
  const { heard } = await listen(server.url)
  await until(() => server.streams.size > 0)
  for (const asked of [{ id: 'p', method: 'ping' }, { id: 7, method: 'roots/list' }, changed]) server.tell(asked)
  await until(() => heard.length > 0)
  expect(heard).toEqual([changed])
  expect(server.posted.filter(({ method }) => method === undefined)).toEqual([
    { jsonrpc: '2.0', id: 'p', result: {} },
    { jsonrpc: '2.0', id: 7, error: { code: -32601, message: 'Method not found' } },
  ])
})

test('of what is watched that counts which the server does not refuse, asked for under ids of its own', async () => {
  const server = await startServer()
  const { watched } = await listen(server.url, ['doc://gone', 'doc://rules', 'doc://more'])
  expect(watched).toEqual(['doc://rules', 'doc://more'])
  const own = server.posted.slice(server.posted.findLastIndex(({ method }) => method === 'initialize'))
  const ids = own.flatMap(({ id }) => (id === undefined ? [] : [id]))
  expect([ids.length, new Set(ids).size]).toEqual([4, 4])
})

test('where all is refused that is watched nothing is listened to', async () => {
  const server = await startServer()
  const { watched, over } = await listen(server.url, ['doc://gone'])
  expect(watched).toBeNull()
  expect(await over).toBe(false)
  await until(() => server.ended.includes('session-2') && server.streams.size === 0)
})

/** Listens in a session of its own until the test is over. */
async function listen(url: string, uris: readonly string[] = []) {
  const connection = new UpstreamConnection({
    url,
    credential: noCredential,
    limits: standardLimits,
    allowLinkLocal: false,
  })
  const ending = new AbortController()
  const heard: unknown[] = []
  const begun = Promise.withResolvers<string[]>()
  const over = listenInSession(connection, {
    uris,
    tellsMore: uris.length === 0,
    signal: ending.signal,
    beginMs: 60_000,
    room: { hold: () => true, letGo() {} },
    begun: begun.resolve,
    told: async (message) => void heard.push(message),
  })
  over.catch(() => {})
  onTestFinished(async () => {
    ending.abort()
    await connection.destroy()
  })
  const watched = await Promise.race([begun.promise, over.then(() => null)])
  return { heard, over, watched }
}

/** A server of 2025-11-25 with sessions, that notes what it is sent. There is nothing to watch at `doc://gone`. */
async function startServer() {
  const posted: Rpc[] = []
  const ended: unknown[] = []
  const streams = new Set<ServerResponse>()
  let sessions = 0
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    if (request.method === 'GET') {
      response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders()
      streams.add(response)
      return void response.once('close', () => streams.delete(response))
    }
    if (request.method !== 'POST') {
      ended.push(request.headers['mcp-session-id'])
      return void response.writeHead(200).end()
    }
    const body = (await json(request)) as Rpc
    const { id, method } = body
    posted.push(body)
    if (id === undefined || method === undefined) return void response.writeHead(202).end()
    const capabilities = { resources: { subscribe: true } }
    const greeting = { protocolVersion: '2025-11-25', capabilities, serverInfo: { name: 'by hand', version: '1' } }
    const results: Record<string, object> = { initialize: greeting, 'resources/subscribe': {} }
    const result = body.params?.uri === 'doc://gone' ? null : results[method]
    const outcome = result ? { result } : { error: { code: -32601, message: 'Unknown' } }
    if (method === 'initialize') response.setHeader('mcp-session-id', `session-${(sessions += 1)}`)
    response.writeHead(200, { 'content-type': 'application/json' })
    response.end(JSON.stringify({ jsonrpc: '2.0', id, ...outcome }))
  }
  const http = createServer((request, response) => void answer(request, response))
  onTestFinished(() => {
    http.closeAllConnections()
    http.close()
  })
  return {
    url: `${await listening(http)}/mcp`,
    posted,
    ended,
    streams,
    tell(message: object) {
      for (const stream of streams) stream.write(`data: ${JSON.stringify({ jsonrpc: '2.0', ...message })}\n\n`)
    },
  }
}
