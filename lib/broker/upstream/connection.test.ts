import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import { createServer as createNetServer, type Socket } from 'node:net'
import { json } from 'node:stream/consumers'
import { afterEach, describe, expect, test } from 'vitest'
import { listening } from '#lib/dev/test/broker.ts'
import { until } from '#lib/dev/test/broker-world.ts'
import { standardLimits } from '../limits.ts'
import { UpstreamConnection } from './connection.ts'
import { CredentialFailure, missingCredential, noCredential, StaticCredential } from './credential.ts'
import { createRedact } from '#lib/core/redaction.ts'

const stops: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const stop of stops.splice(0).toReversed()) await stop()
})

const session = { id: 'session-of-one', version: '2025-11-25' }
const { signal } = new AbortController()

const ways: Record<string, (connection: UpstreamConnection) => Promise<unknown>> = {
  request: (connection) =>
    connection.request({ method: 'ping', params: {}, signal, own: { session, id: 7, cuts: false } }),
  notification: (connection) => connection.tell({ method: 'notifications/cancelled' }, { session, signal }),
  stream: (connection) => connection.openStream(session, { lastEventId: null, relay: { take() {} }, signal }),
  end: (connection) => connection.endSession(session, signal),
}

describe.each(Object.entries(ways))('the first %s in a session of one’s own', (_, send) => {
  test('shows the credential, which is obtained for it', async () => {
    const server = await startServer()
    const credential = new StaticCredential(async () => ({
      headers: { authorization: 'Bearer of-the-team' },
      redact: createRedact(['of-the-team']),
      tls: null,
    }))
    await send(connect(server.url, credential))
    expect(server.seen.map(({ authorization }) => authorization)).toEqual(['Bearer of-the-team'])
  })

  test('is not sent when there is no credential to show', async () => {
    const server = await startServer()
    await expect(send(connect(server.url, missingCredential))).rejects.toBeInstanceOf(CredentialFailure)
    expect(server.seen).toEqual([])
  })
})

describe.each(['169.254.169.254', '[fe80::1]', '[::ffff:169.254.169.254]', 'metadata.google.internal'])(
  '%s',
  (host) => {
    test.each(Object.entries(ways))('is never connected to, whatever is sent: %s', async (_, send) => {
      const connection = connect(`http://${host}/mcp`, noCredential)
      const refused = { kind: 'unreachable', message: expect.stringContaining('link-local') as string }
      await expect(send(connection)).rejects.toMatchObject(refused)
      await expect(connection.ready(signal)).rejects.toMatchObject(refused)
    })
  },
)

describe('opening a session', () => {
  test('ends it again when it could not be begun', async () => {
    const server = await startServer((message, response) => {
      if (message.method !== 'notifications/initialized' || message.session !== 'session-2') return false
      response.destroy()
      return true
    })
    await expect(connect(server.url, noCredential).openSession({}, signal)).rejects.toThrow(/could not be reached/)
    await until(async () => server.seen.some(({ method, session }) => method === 'DELETE' && session === 'session-2'))
  })

  test('is tried again after an error, and not where none is kept', async () => {
    let greeted = 0
    const server = await startServer(({ method, id }, response) => {
      // The first greeting is the connection's own.
      if (method !== 'initialize' || (greeted += 1) !== 2) return false
      answer(response, { id, error: { code: -32603, message: 'busy' } })
      return true
    })
    const connection = connect(server.url, noCredential)
    expect(await connection.openSession({}, signal)).toBeNull()
    expect(await connection.openSession({}, signal)).toMatchObject({ version: '2025-11-25' })
  })
})

test('a result that is passed on while it arrives is none that is held', async () => {
  const server = await startServer(({ method, id }, response) => {
    if (method !== 'tools/call') return false
    answer(response, {
      id,
      result: { content: [{ type: 'text', text: 'x'.repeat(2 * standardLimits.streamFromBytes) }] },
    })
    return true
  })
  const connection = connect(server.url, noCredential)
  const call = { method: 'tools/call', params: { name: 'long' }, signal, hold: () => false }
  const reply = await connection.request({ ...call, streams: true })
  if (!reply.ok) throw new Error(reply.error.message)
  expect(reply.large).toBeDefined()
  await reply.large?.close()
  await expect(connection.request(call)).rejects.toMatchObject({ kind: 'too_large' })
})

describe('a session that many share and its server has forgotten', () => {
  const greetings = ({ seen }: { seen: Seen[] }) => seen.filter(({ method }) => method === 'initialize').length
  const ping = { method: 'ping', params: {}, signal, repeatable: true } as const
  const gone = (response: ServerResponse) => response.writeHead(404).end()

  test('is begun anew once for all who find that at the same time', async () => {
    const late: ServerResponse[] = []
    const count = 8
    const server = await startServer(({ method, session: of }, response) => {
      if (method !== 'ping' || of !== 'session-1') return false
      late.push(response)
      if (late.length === count) late.forEach(gone)
      return true
    })
    const connection = connect(server.url, noCredential)
    const replies = await Promise.all(Array.from({ length: count }, () => connection.request(ping)))
    expect(replies.filter(({ ok }) => ok)).toHaveLength(count)
    expect(greetings(server)).toBe(2)
  })

  test('is begun anew where its connections were closed, too, as by a restart', async () => {
    let asked = 0
    const server = await startServer(({ method, session: of }, response) => {
      if (method !== 'ping' || of !== 'session-1') return false
      if ((asked += 1) === 1) response.destroy()
      else gone(response)
      return true
    })
    expect(await connect(server.url, noCredential).request(ping)).toMatchObject({ ok: true })
    expect([asked, greetings(server)]).toEqual([2, 2])
  })

  test('is no end of the agent’s own where each is forgotten at once', async () => {
    const server = await startServer(({ method }, response) => method === 'ping' && Boolean(gone(response)))
    await expect(connect(server.url, noCredential).request(ping)).rejects.toMatchObject({ kind: 'unreachable' })
    expect(greetings(server)).toBe(2)
  })
})

test('of a late answer that is nested too deeply its asker hears so, and of anything else nothing', async () => {
  const deep = JSON.parse(`${'['.repeat(100)}${']'.repeat(100)}`) as unknown
  const server = await startServer(({ method }, response) => {
    if (method !== 'GET') return false
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    const said = [
      { method: 'notifications/message', params: { data: deep } },
      { id: 7, result: { content: [], structuredContent: { deep } } },
      { id: 8, result: { content: [] } },
    ]
    response.end(said.map((message) => `data: ${JSON.stringify({ jsonrpc: '2.0', ...message })}\n\n`).join(''))
    return true
  })
  const heard: unknown[] = []
  const relay = { take: (message: unknown) => void heard.push(message) }
  const { read } = await connect(server.url, noCredential).openStream(session, { lastEventId: '1', relay, signal })
  await read?.()
  expect(heard).toMatchObject([
    { id: 7, error: { code: -32603, message: expect.stringContaining('nested deeper than') as string } },
    { id: 8, result: { content: [] } },
  ])
  expect(heard[0]).not.toHaveProperty('result')
})

describe('what a server asks while it answers', () => {
  const progress = { method: 'notifications/progress', params: { progressToken: 1, progress: 1 } }
  const asked = [{ id: 'p', method: 'ping' }, progress, { id: 7, method: 'roots/list' }]
  const answers = [
    { jsonrpc: '2.0', id: 'p', result: {} },
    { jsonrpc: '2.0', id: 7, error: { code: -32601, message: 'Method not found' } },
  ]

  test.each([
    ['in a session that many share, where somebody hears it', { isHeard: true, own: undefined }],
    ['in a session that many share, where nobody hears it', { isHeard: false, own: undefined }],
    ['in a session of one’s own, where nobody hears it', { isHeard: false, own: { session, id: 9, cuts: false } }],
  ])('is answered %s', async (_, { isHeard, own }) => {
    const heard: unknown[] = []
    const relay = isHeard ? { take: (message: unknown) => void heard.push(message) } : undefined
    const taken: Seen[] = []
    let finish = (): void => {}
    const server = await startServer((about, response) => {
      const { method, id } = about
      const event = (message: object) => `data: ${JSON.stringify({ jsonrpc: '2.0', ...message })}\n\n`
      if (method === 'tools/call') {
        finish = () => response.end(event({ id, result: { content: [] } }))
        response.writeHead(200, { 'content-type': 'text/event-stream' }).write(asked.map(event).join(''))
      } else if (method === 'POST') {
        taken.push(about)
        response.writeHead(202).end()
        if (taken.length === answers.length) finish()
      } else return false
      return true
    })
    const call = { method: 'tools/call', params: { name: 'asking' }, signal, relay, own }
    expect(await connect(server.url, noCredential).request(call)).toMatchObject({ ok: true })
    expect(taken.map(({ body }) => body)).toEqual(answers)
    const of = own?.session.id ?? 'session-1'
    expect(taken.map((each) => each.session)).toEqual([of, of])
    expect(heard).toEqual(isHeard ? [{ jsonrpc: '2.0', ...progress }] : [])
  })
})

describe('what is said to have left', () => {
  const request = { method: 'ping', params: {}, own: { session, id: 7, cuts: false } } as const

  test('is a request that its server could look at, and none that it refused for its credential', async () => {
    const running = { sent: false }
    const server = await startServer()
    await connect(server.url, noCredential).request({ ...request, signal, running })
    expect(running.sent).toBe(true)
    const refusing = await startServer((_, response) => {
      response.writeHead(401).end()
      return true
    })
    const refused = { sent: false }
    await expect(connect(refusing.url, noCredential).request({ ...request, signal, running: refused })).rejects.toThrow(
      'asks for a credential',
    )
    expect([refusing.seen.length, refused.sent]).toEqual([1, false])
    // What left before for the same call is still so.
    await connect(refusing.url, noCredential)
      .request({ ...request, signal, running })
      .catch(() => {})
    expect(running.sent).toBe(true)
  })

  test('is nothing that was given up before it had a connection', async () => {
    // Speaks no TLS, so that no connection to it is ever ready.
    const silent = createSilent()
    const connected = once(silent, 'connection')
    const url = (await listening(silent)).replace('http:', 'https:')
    const running = { sent: false }
    const giving = new AbortController()
    const asked = connect(url, noCredential).request({ ...request, signal: giving.signal, running })
    await connected
    giving.abort(new Error('no time'))
    await expect(asked).rejects.toThrow('no time')
    expect(running.sent).toBe(false)
  })
})

/** Takes connections and says nothing. */
function createSilent() {
  const sockets = new Set<Socket>()
  const server = createNetServer((socket) => void sockets.add(socket.on('error', () => {})))
  stops.push(async () => {
    for (const socket of sockets) socket.destroy()
    await new Promise((resolve) => server.close(resolve))
  })
  return server
}

function connect(url: string, credential: ConstructorParameters<typeof UpstreamConnection>[0]['credential']) {
  const connection = new UpstreamConnection({ url, credential, limits: standardLimits, allowLinkLocal: false })
  stops.push(() => connection.destroy())
  return connection
}

type Seen = {
  method: string
  id: unknown
  authorization: string | undefined
  session: string | undefined
  body: object | null
}

/** A server with sessions that notes what it is sent; `instead` answers what it returns true for. */
async function startServer(instead: (seen: Seen, response: ServerResponse) => boolean = () => false) {
  const seen: Seen[] = []
  let sessions = 0
  const http = createServer((request, response) => {
    void (async () => {
      const body = request.method === 'POST' ? ((await json(request)) as { id?: unknown; method: string }) : null
      const { authorization, 'mcp-session-id': session } = request.headers
      const about = {
        method: body?.method ?? request.method!,
        id: body?.id,
        authorization,
        session: session as string | undefined,
        body,
      }
      seen.push(about)
      if (instead(about, response)) return
      if (request.method === 'GET') return response.writeHead(405).end()
      if (body?.id === undefined) return response.writeHead(202).end()
      if (body.method === 'server/discover')
        return answer(response, { id: body.id, error: { code: -32601, message: 'unknown' } })
      const result = {
        protocolVersion: '2025-11-25',
        capabilities: {},
        serverInfo: { name: 'test', version: '1' },
      }
      if (body.method === 'initialize') response.setHeader('mcp-session-id', `session-${(sessions += 1)}`)
      return answer(response, { id: body.id, result: body.method === 'initialize' ? result : {} })
    })()
  })
  const url = `${await listening(http)}/mcp`
  stops.push(async () => {
    http.closeAllConnections()
    await new Promise((resolve) => http.close(resolve))
  })
  return { url, seen }
}

function answer(response: ServerResponse, message: object): void {
  const body = JSON.stringify({ jsonrpc: '2.0', ...message })
  response.writeHead(200, { 'content-type': 'application/json' }).end(body)
}
