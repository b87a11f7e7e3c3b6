import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { text as textOf } from 'node:stream/consumers'
import { expect, onTestFinished } from 'vitest'
import type { Db } from '#lib/db/client.ts'
import { listening, makeAgent, sessionToken } from '#lib/dev/test/broker.ts'
import { until } from '#lib/dev/test/broker-world.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { makeGrant } from '#lib/dev/test/registry.ts'
import { modernCall, RawAgent, type RawMessage } from '../testing/raw-agent.ts'
import type { TestBroker } from '../testing/start-broker.ts'
import { talkativeWorld } from '../testing/talkative-world.ts'

const capabilities = { tools: {}, prompts: { listChanged: true }, resources: { subscribe: true, listChanged: true } }
const greeting = { supportedVersions: ['2026-07-28'], capabilities, serverInfo: { name: 'liar', version: '1' } }
const lies = 'what nobody has looked at'

/** A server of 2026-07-28, by hand: of those who listen it says what no SDK would. With `says` null it never says that it has begun. */
async function startLiar() {
  const streams = new Set<ServerResponse>()
  const write = (response: ServerResponse, message: object) =>
    void response.write(`data: ${JSON.stringify({ jsonrpc: '2.0', ...message })}\n\n`)
  const state = {
    says: null as object | null,
    open: 0,
    begun: 0,
    tell(message: object) {
      for (const stream of streams) write(stream, message)
    },
    /** Of a message that does not end. */
    beginToTell(bytes: number) {
      for (const stream of streams) stream.write(`data: ${'x'.repeat(bytes)}`)
    },
  }
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    if (request.method !== 'POST') return void response.writeHead(405).end()
    const { id, method } = JSON.parse(await textOf(request)) as { id?: number; method?: string }
    if (id === undefined) return void response.writeHead(202).end()
    if (method === 'subscriptions/listen') {
      state.open += 1
      state.begun += 1
      streams.add(response)
      response.once('close', () => {
        state.open -= 1
        streams.delete(response)
      })
      response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders()
      if (!state.says) return
      const params = { notifications: state.says }
      return write(response, { method: 'notifications/subscriptions/acknowledged', params })
    }
    const known = { 'server/discover': greeting, 'tools/list': { tools: [] } }[String(method)]
    const outcome = known
      ? { result: { resultType: 'complete', ...known } }
      : { error: { code: -32601, message: 'Method not found' } }
    response.writeHead(200, { 'content-type': 'application/json' })
    response.end(JSON.stringify({ jsonrpc: '2.0', id, ...outcome }))
  }
  const http = createServer((request, response) => void answer(request, response))
  const stop = (): void => {
    http.close()
    http.closeAllConnections()
  }
  return { url: `${await listening(http)}/mcp`, state, stop }
}

const test = dbTest.extend('world', { scope: 'file' }, async ({ db, databaseUrl }, { onCleanup }) => {
  const liar = await startLiar()
  const about = { description: '', environment: 'staging', sensitivity: 'internal', demo: true } as const
  await db.mcpServer.create({ data: { id: 'liar', name: 'Liar', url: liar.url, ...about } })
  const { brokers, stop } = await talkativeWorld({ db, databaseUrl }, [{ heldBytesMax: 4096 }])
  onCleanup(async () => {
    liar.stop()
    await stop()
  })
  return { liar: liar.state, broker: brokers[0] }
})

async function listener(db: Db, { broker }: { broker: TestBroker }, path = '/mcp') {
  const agent = await makeAgent(db)
  for (const serverId of ['liar', 'modern'])
    for (const toolName of ['method:prompts', 'method:resources'])
      await makeGrant(db, { agentId: agent.agentId, serverId, toolName })
  await broker.broker.keeper.refresh()
  return new RawAgent(broker.url + path, await sessionToken(db, broker.url, agent))
}

/** The first message of a stream that tells what changes. */
async function begun(raw: RawAgent, notifications: object): Promise<{ status: number; first: RawMessage | undefined }> {
  const ending = new AbortController()
  onTestFinished(() => ending.abort())
  const { body } = modernCall('', { more: { notifications } })
  const method = 'subscriptions/listen'
  const headers = { 'mcp-protocol-version': '2026-07-28', 'mcp-method': method }
  const { status, messages } = await raw.send({ body: { ...body, method }, headers, signal: ending.signal })
  return { status, first: (await messages.next()).value ?? undefined }
}

test('what a server says that it will tell keeps nobody from what others tell, and goes no further', async ({
  db,
  world,
}) => {
  const raw = await listener(db, world)
  const watched = ['wheelhouse:liar:doc://rules', 'wheelhouse:modern:doc://rules']
  const notifications = { promptsListChanged: true, resourceSubscriptions: watched }
  for (const resourceSubscriptions of ['doc://rules', 7, { 0: 'doc://rules' }]) {
    world.liar.says = { resourceSubscriptions, toolsListChanged: true, note: lies, taskIds: [lies] }
    const { status, first } = await begun(raw, notifications)
    expect(status).toBe(200)
    expect(first).toMatchObject({ method: 'notifications/subscriptions/acknowledged' })
    expect(first!.params!['notifications']).toEqual({
      promptsListChanged: true,
      resourceSubscriptions: ['wheelhouse:modern:doc://rules'],
    })
  }
})

test('however often what is watched changes, a server that begins nothing has two streams open for it', async ({
  db,
  world,
}) => {
  const { liar } = world
  liar.says = null
  const raw = await listener(db, world, '/mcp/liar')
  await until(() => liar.open === 0)
  const before = liar.begun
  const headers = await raw.begin()
  const ending = new AbortController()
  onTestFinished(() => ending.abort())
  await raw.send({ method: 'GET', headers, signal: ending.signal })
  const changes = 6
  for (let at = 0; at < changes; at += 1) {
    const watch = { id: at + 2, method: 'resources/subscribe', params: { uri: `doc://${at}` } }
    expect((await raw.ask({ body: watch, headers })).last.result).toEqual({})
    await until(() => liar.begun > before + at)
  }
  await until(() => liar.begun > before + changes)
  await until(() => liar.open <= 2)
})

test('what a server says of requests that are none of its own its agent is not told', async ({ db, world }) => {
  const { liar } = world
  const changed = 'notifications/prompts/list_changed'
  liar.says = { promptsListChanged: true }
  await until(() => liar.open === 0)
  const raw = await listener(db, world)
  const headers = await raw.begin()
  const ending = new AbortController()
  onTestFinished(() => ending.abort())
  const { messages } = await raw.send({ method: 'GET', headers, signal: ending.signal })
  await until(() => liar.open > 0)
  liar.tell({ method: 'notifications/progress', params: { progressToken: 1, progress: 1 } })
  liar.tell({ method: 'notifications/cancelled', params: { requestId: 1 } })
  liar.tell({ method: 'notifications/elicitation/complete', params: { elicitationId: 'page' } })
  liar.tell({ method: 'notifications/tasks/status', params: { taskId: 'one', status: 'working' } })
  liar.tell({ method: changed })
  expect((await messages.next()).value).toMatchObject({ method: changed })
})

test('a message that does not end is held no longer than there is room for it', async ({ db, world }) => {
  const { liar } = world
  liar.says = { promptsListChanged: true }
  await until(() => liar.open === 0)
  const raw = await listener(db, world, '/mcp/liar')
  const headers = await raw.begin()
  const ending = new AbortController()
  onTestFinished(() => ending.abort())
  await raw.send({ method: 'GET', headers, signal: ending.signal })
  await until(() => liar.open > 0)
  liar.beginToTell(2 * 1024 * 1024)
  await until(() => liar.open === 0)
})
