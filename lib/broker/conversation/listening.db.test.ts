import { randomUUID } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { json } from 'node:stream/consumers'
import { expect, onTestFinished } from 'vitest'
import type { Db } from '#lib/db/client.ts'
import { freePort } from '#lib/dev/ports.ts'
import { encryptionKey, listening, makeAgent, portalUrl, sessionToken } from '#lib/dev/test/broker.ts'
import { until } from '#lib/dev/test/broker-world.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { makeGrant } from '#lib/dev/test/registry.ts'
import { modernCall, RawAgent, type RawMessage } from '../testing/raw-agent.ts'
import { startBroker, type TestBroker } from '../testing/start-broker.ts'
import type { Era } from '../wire.ts'

// What an agent is told at a server's own address, when that tells less than it is asked for.

const acknowledged = 'notifications/subscriptions/acknowledged'
const toolsChanged = 'notifications/tools/list_changed'
const updated = 'notifications/resources/updated'
/** What no server has. */
const gone = 'doc://gone'
const serverInfo = { name: 'by hand', version: '1' }
const tool = { name: 'plain', inputSchema: { type: 'object' }, annotations: { readOnlyHint: true } }

/** A server by hand. That of 2026-07-28 lets nobody listen; before, it has sessions if there is something to watch. */
async function startServer(era: Era, capabilities: { resources?: object; [name: string]: unknown }) {
  const heard: string[] = []
  const state = { gets: (response: ServerResponse): void => void response.writeHead(405).end() }
  const known: Record<string, object> = {
    'tools/list': { tools: [tool] },
    'resources/subscribe': {},
    ...(era === 'modern'
      ? { 'server/discover': { supportedVersions: ['2026-07-28'], capabilities, serverInfo } }
      : { initialize: { protocolVersion: '2025-11-25', capabilities, serverInfo } }),
  }
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    if (request.method === 'GET') return state.gets(response)
    if (request.method !== 'POST') return void response.writeHead(200).end()
    const { id, method, params } = (await json(request)) as { id?: number; method: string; params?: { uri?: string } }
    heard.push(method)
    if (id === undefined) return void response.writeHead(202).end()
    const result = params?.uri === gone ? null : known[method]
    const outcome = result
      ? { result: { resultType: 'complete', ...result } }
      : { error: { code: -32601, message: 'Method not found' } }
    if (method === 'initialize' && capabilities.resources) response.setHeader('mcp-session-id', randomUUID())
    response.writeHead(200, { 'content-type': 'application/json' })
    response.end(JSON.stringify({ jsonrpc: '2.0', id, ...outcome }))
  }
  const http = createServer((request, response) => void answer(request, response))
  return {
    url: `${await listening(http)}/mcp`,
    heard,
    state,
    stop() {
      http.close()
      http.closeAllConnections()
    },
  }
}

const test = dbTest.extend('world', { scope: 'file' }, async ({ db, databaseUrl }, { onCleanup }) => {
  const servers = {
    bare: await startServer('legacy', { tools: {} }),
    deaf: await startServer('modern', { tools: {}, prompts: { listChanged: true } }),
    telling: await startServer('legacy', { tools: {}, resources: { subscribe: true } }),
  }
  const about = { description: '', environment: 'staging', sensitivity: 'internal', demo: true } as const
  for (const [id, { url }] of Object.entries(servers)) {
    await db.mcpServer.create({ data: { id, name: id, url, ...about } })
  }
  const broker = await startBroker({ db, databaseUrl, port: await freePort(), portalUrl, encryptionKey })
  onCleanup(async () => {
    broker.broker.abort()
    await broker.stop()
    for (const server of Object.values(servers)) server.stop()
  })
  const count = Object.keys(servers).length
  await until(async () => (await db.mcpTool.count({ where: { state: 'approved' } })) === count)
  return { servers, broker }
})
type ServerId = 'bare' | 'deaf' | 'telling'

/** An agent that may look at what its server could tell of, and call nothing yet. */
async function readerOf(db: Db, { url, broker }: TestBroker, serverId: ServerId) {
  const { agentId, ...agent } = await makeAgent(db)
  const grant = (toolName: string) => makeGrant(db, { agentId, serverId, toolName })
  for (const name of ['method:prompts', 'method:resources']) await grant(name)
  await broker.keeper.refresh()
  const raw = new RawAgent(`${url}/mcp/${serverId}`, await sessionToken(db, url, { agentId, ...agent }))
  const mayCallMore = async () => {
    await grant(tool.name)
    await broker.keeper.refresh()
  }
  return { agentId, raw, mayCallMore }
}

/** From now on the server gives its stream, over which it tells something. */
function telling({ state }: { state: { gets: (response: ServerResponse) => void } }) {
  let stream: ServerResponse | null = null
  state.gets = (response) => {
    stream = response
    response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders()
  }
  return (message: object) => stream!.write(`data: ${JSON.stringify({ jsonrpc: '2.0', ...message })}\n\n`)
}

/** Subscribes since 2026-07-28; what it hears. */
async function subscribe(raw: RawAgent, notifications: object): Promise<AsyncGenerator<RawMessage>> {
  return (await subscription(raw, notifications)).messages
}

async function subscription(raw: RawAgent, notifications: object) {
  const ending = new AbortController()
  onTestFinished(() => ending.abort())
  const { body } = modernCall('', { more: { notifications } })
  const method = 'subscriptions/listen'
  const headers = { 'mcp-protocol-version': '2026-07-28', 'mcp-method': method }
  const sent = await raw.send({ body: { ...body, method }, headers, signal: ending.signal })
  return { ...sent, close: () => ending.abort() }
}

/** Opens the stream of a session before it; what it hears. */
async function openStream(raw: RawAgent): Promise<AsyncGenerator<RawMessage>> {
  return (await sessionStream(raw)).messages
}

async function sessionStream(raw: RawAgent) {
  const ending = new AbortController()
  onTestFinished(() => ending.abort())
  const headers = await raw.begin()
  return { ...(await raw.send({ method: 'GET', headers, signal: ending.signal })), close: () => ending.abort() }
}

test.for(['bare', 'deaf'] as const)(
  'a subscription at a server (%s) that tells nothing of it is acknowledged without that, and goes on with what the broker tells',
  async (serverId, { db, world }) => {
    const { raw, mayCallMore } = await readerOf(db, world.broker, serverId)
    const messages = await subscribe(raw, { toolsListChanged: true, promptsListChanged: true })
    const { value: first } = await messages.next()
    expect(first).toMatchObject({ method: acknowledged })
    expect(first!.params!['notifications']).toEqual({ toolsListChanged: true })
    await mayCallMore()
    expect((await messages.next()).value).toMatchObject({ method: toolsChanged })
  },
)

test.for(['bare', 'deaf'] as const)(
  'a subscription to nothing that a server (%s) tells is acknowledged as that, and over',
  async (serverId, { db, world }) => {
    const { raw } = await readerOf(db, world.broker, serverId)
    const heard: RawMessage[] = []
    for await (const message of await subscribe(raw, { promptsListChanged: true })) heard.push(message)
    expect(heard).toMatchObject([{ method: acknowledged }, { result: { resultType: 'complete' } }])
    expect(heard[0]!.params!['notifications']).toEqual({})
  },
)

test('the stream of a session stays open at a server that lets nobody listen', async ({ db, world }) => {
  const { raw, mayCallMore } = await readerOf(db, world.broker, 'deaf')
  const { heard } = world.servers.deaf
  heard.length = 0
  const messages = await openStream(raw)
  await until(() => heard.includes('subscriptions/listen'))
  await mayCallMore()
  expect((await messages.next()).value).toMatchObject({ method: toolsChanged })
})

test('a stream over which something was told before its server refused it is over', async ({ db, world }) => {
  const { state } = world.servers.telling
  const { raw, mayCallMore } = await readerOf(db, world.broker, 'telling')
  const asked = Promise.withResolvers<ServerResponse>()
  state.gets = asked.resolve
  const opening = openStream(raw)
  const refused = await asked.promise
  await mayCallMore()
  const messages = await opening
  expect((await messages.next()).value).toMatchObject({ method: toolsChanged })
  refused.writeHead(503).end()
  expect(await messages.next()).toMatchObject({ done: true })
})

test('a subscription to a resource is told of its parts too, and of nothing beside it', async ({ db, world }) => {
  const { raw } = await readerOf(db, world.broker, 'telling')
  const tell = telling(world.servers.telling)
  const messages = await subscribe(raw, { resourceSubscriptions: ['doc://rules'] })
  expect((await messages.next()).value).toMatchObject({ method: acknowledged })
  for (const uri of ['doc://rulesets', 'doc://rules/third', 'doc://rules']) tell({ method: updated, params: { uri } })
  for (const uri of ['doc://rules/third', 'doc://rules'])
    expect((await messages.next()).value).toMatchObject({ method: updated, params: { uri } })
})

test('of a subscription to resources that is acknowledged which the server does not refuse', async ({ db, world }) => {
  const { raw } = await readerOf(db, world.broker, 'telling')
  telling(world.servers.telling)
  const messages = await subscribe(raw, { resourceSubscriptions: [gone, 'doc://rules'] })
  const { value: first } = await messages.next()
  expect(first).toMatchObject({ method: acknowledged })
  expect(first!.params!['notifications']).toEqual({ resourceSubscriptions: ['doc://rules'] })
  const heard: RawMessage[] = []
  for await (const message of await subscribe(raw, { resourceSubscriptions: [gone] })) heard.push(message)
  expect(heard).toMatchObject([{ method: acknowledged }, { result: { resultType: 'complete' } }])
  expect(heard[0]!.params!['notifications']).toEqual({})
})

test.for([
  ['subscriptions/listen', (raw: RawAgent) => subscription(raw, { toolsListChanged: true, promptsListChanged: true })],
  ['stream', sessionStream],
] as const)(
  'an agent that has as many streams open as it may is refused the next (%s), on the record, until one is closed',
  async ([method, open], { db, databaseUrl }) => {
    const limits = { agentStreamsMax: 2 }
    const narrow = await startBroker({ db, databaseUrl, port: await freePort(), portalUrl, encryptionKey, limits })
    onTestFinished(() => narrow.stop())
    const [{ raw, agentId }, other] = [await readerOf(db, narrow, 'bare'), await readerOf(db, narrow, 'bare')]
    const opened = [await open(raw), await open(raw)]
    expect(opened.map(({ status }) => status)).toEqual([200, 200])
    const allowed = () => db.auditEvent.count({ where: { agentId, event: 'mcp.call_allowed' } })
    const before = await allowed()
    const refused = await open(raw)
    expect(refused.status).toBe(429)
    expect((await refused.messages.next()).value).toMatchObject({ error: { data: { rule: 'rate_limited' } } })
    const where = { agentId, event: 'mcp.call_denied', rule: 'rate_limited' }
    expect(await db.auditEvent.findMany({ where })).toMatchObject([{ serverId: 'bare', tool: method }])
    expect(await allowed()).toBe(before)
    expect((await open(other.raw)).status).toBe(200)
    opened[0]!.close()
    await until(async () => (await open(raw)).status === 200)
  },
)
