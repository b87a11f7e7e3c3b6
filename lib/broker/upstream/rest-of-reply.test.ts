import { createServer, type ServerResponse } from 'node:http'
import { json } from 'node:stream/consumers'
import { afterEach, expect, test } from 'vitest'
import { listening } from '#lib/dev/test/broker.ts'
import { until } from '#lib/dev/test/broker-world.ts'
import { standardLimits } from '../limits.ts'
import { UpstreamConnection } from './connection.ts'
import { noCredential } from './credential.ts'

const stops: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const stop of stops.splice(0).toReversed()) await stop()
})

const never = new AbortController().signal
const change = { method: 'tools/call', params: { name: 'change', arguments: {} } }
const done = 'done after all'

/** How a server goes on that has said an event and left: it ends the stream, or its connection breaks. */
type Leaves = (response: ServerResponse) => void
const ends: Leaves = (response) => response.end()
const breaks: Leaves = (response) => setTimeout(() => response.destroy(), 20)

test.each([
  ['is asked for the rest of it', ends],
  ['is asked for the rest of it, also when its connection broke', breaks],
])('a server that leaves a change %s', async (_, leaves) => {
  const server = await startServer({ leaves, rest: (response, id) => event(response, { id, result: { done } }).end() })
  const reply = await connect(server.url).request({ ...change, signal: never })
  expect(reply).toMatchObject({ ok: true, result: { done } })
  expect(server.heard.filter((what) => what === 'tools/call')).toHaveLength(1)
  expect(server.lastEventIds).toEqual(['e1'])
})

test('a change is not sent again when its server has forgotten the session it was at work in', async () => {
  const server = await startServer({ leaves: ends, rest: (response) => response.writeHead(404).end() })
  await expect(connect(server.url).request({ ...change, signal: never })).rejects.toMatchObject({ kind: 'unreachable' })
  expect(server.heard.filter((what) => what === 'tools/call')).toHaveLength(1)
})

test('a call that is ended while its rest is waited for is cancelled at the server', async () => {
  const ending = new AbortController()
  const server = await startServer({ leaves: ends, rest: (response) => stream(response).write(': nothing yet\n\n') })
  const sent = connect(server.url).request({ ...change, signal: ending.signal })
  await until(() => server.lastEventIds.length === 1)
  ending.abort(new Error('stopped'))
  await expect(sent).rejects.toThrow('stopped')
  await until(() => server.heard.includes('notifications/cancelled'))
})

test('a call that is ended before its rest is asked for is cancelled at the server', async () => {
  const ending = new AbortController()
  const server = await startServer({ leaves: ends, retryMs: 20_000, rest: (response) => response.end() })
  const sent = connect(server.url).request({ ...change, signal: ending.signal })
  await until(() => server.heard.includes('tools/call'))
  // The event has come by then, or the stream is being read: it is the same to the server.
  setTimeout(() => ending.abort(new Error('stopped')), 100)
  await expect(sent).rejects.toThrow('stopped')
  await until(() => server.heard.includes('notifications/cancelled'))
})

test.each([0, 2 ** 31, Number.MAX_SAFE_INTEGER])(
  'a server that says to come back in %d ms is not asked without a pause',
  async (retryMs) => {
    const server = await startServer({
      leaves: ends,
      retryMs,
      rest: (response) => stream(response).end(`id: e2\nretry: ${retryMs}\ndata: \n\n`),
    })
    const signal = AbortSignal.timeout(1000)
    await expect(connect(server.url).request({ ...change, signal })).rejects.toThrow()
    expect(server.lastEventIds.length).toBeLessThanOrEqual(10)
  },
)

test('a server may say by itself, before it leaves, when to come back', async () => {
  const server = await startServer({
    leaves: (response) => void response.end('retry: 20000\n\n'),
    rest: (response) => response.end(),
  })
  const signal = AbortSignal.timeout(1000)
  await expect(connect(server.url).request({ ...change, signal })).rejects.toThrow()
  expect([server.heard.includes('tools/call'), server.lastEventIds]).toEqual([true, []])
})

test('the rest of a reply is asked for again over another connection when one is dropped', async () => {
  let asked = 0
  const server = await startServer({
    leaves: ends,
    rest: (response, id) =>
      void ((asked += 1) === 1 ? response.destroy() : event(response, { id, result: { done } }).end()),
  })
  expect(await connect(server.url).request({ ...change, signal: never })).toMatchObject({ result: { done } })
  expect(server.heard.filter((what) => what === 'tools/call')).toHaveLength(1)
})

function connect(url: string) {
  const options = { url, credential: noCredential, limits: standardLimits, allowLinkLocal: false }
  const connection = new UpstreamConnection(options)
  stops.push(() => connection.destroy())
  return connection
}

function stream(response: ServerResponse): ServerResponse {
  return response.writeHead(200, { 'content-type': 'text/event-stream' })
}

function event(response: ServerResponse, message: object): ServerResponse {
  stream(response).write(`data: ${JSON.stringify({ jsonrpc: '2.0', ...message })}\n\n`)
  return response
}

/** A server of 2025-11-25 that begins every call, says one event, and leaves; `rest` is what it answers when it is asked to go on. */
async function startServer(options: {
  leaves: Leaves
  retryMs?: number
  rest: (response: ServerResponse, id: unknown) => void
}) {
  const { leaves, retryMs = 100, rest } = options
  const heard: string[] = []
  const lastEventIds: unknown[] = []
  let called: unknown
  const http = createServer((request, response) => {
    void (async () => {
      if (request.method === 'GET') {
        lastEventIds.push(request.headers['last-event-id'])
        return rest(response, called)
      }
      const { id, method } = (await json(request)) as { id?: unknown; method: string }
      heard.push(method)
      if (id === undefined) return response.writeHead(202).end()
      if (method === 'tools/call') {
        called = id
        stream(response).write(`id: e1\nretry: ${retryMs}\ndata: \n\n`)
        return leaves(response)
      }
      const capabilities = {
        protocolVersion: '2025-11-25',
        capabilities: {},
        serverInfo: { name: 'test', version: '1' },
      }
      const isGreeting = method === 'initialize'
      const answer = isGreeting ? { result: capabilities } : { error: { code: -32601, message: 'unknown' } }
      response.writeHead(200, { 'content-type': 'application/json', ...(isGreeting ? { 'mcp-session-id': 's1' } : {}) })
      response.end(JSON.stringify({ jsonrpc: '2.0', id, ...answer }))
    })()
  })
  const url = `${await listening(http)}/mcp`
  stops.push(async () => {
    http.closeAllConnections()
    await new Promise((resolve) => http.close(resolve))
  })
  return { url, heard, lastEventIds }
}
