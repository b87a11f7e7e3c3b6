import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { expect } from 'vitest'
import type { Db } from '#lib/db/client.ts'
import { encryptionKey, listening, makeAgent, portalUrl, sessionToken } from '#lib/dev/test/broker.ts'
import { until } from '#lib/dev/test/broker-world.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { freePort } from '#lib/dev/ports.ts'
import { makeGrant } from '#lib/dev/test/registry.ts'
import { modernCall, RawAgent, type RawMessage } from '../testing/raw-agent.ts'
import { startBroker, type TestBroker } from '../testing/start-broker.ts'

// What the streams of the merged endpoint cost at the servers, and that none is given up for good.

const prompts = 'notifications/prompts/list_changed'
const telling = { tools: {}, prompts: { listChanged: true }, resources: { subscribe: true } }

/** A server of 2025-11-25 that counts what is begun at it; the next of what is in `refusals` is refused. */
async function startCounting(capabilities: object) {
  const streams = new Set<ServerResponse>()
  const listed = new Set<unknown>()
  const state = { sessions: 0, asked: 0, refusals: { initialize: 0, stream: [] as number[] } }
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    if (request.method === 'GET') {
      state.asked += 1
      const refused = state.refusals.stream.shift()
      if (refused !== undefined) return void response.writeHead(refused).end()
      response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders()
      streams.add(response)
      return void response.on('close', () => streams.delete(response))
    }
    if (request.method !== 'POST') return void response.writeHead(200).end()
    let text = ''
    for await (const chunk of request) text += String(chunk)
    const { id, method } = JSON.parse(text) as { id?: number; method?: string }
    if (id === undefined) return void response.writeHead(202).end()
    if (method === 'server/discover') return void response.writeHead(404).end()
    const say = (said: object) => {
      response.writeHead(200, { 'content-type': 'application/json', 'mcp-session-id': `s${state.sessions}` })
      response.end(JSON.stringify({ jsonrpc: '2.0', id, ...said }))
    }
    if (method === 'tools/list') listed.add(request.headers['mcp-session-id'])
    if (method !== 'initialize') return say({ result: method === 'tools/list' ? { tools: [] } : {} })
    if (state.refusals.initialize > 0) {
      state.refusals.initialize -= 1
      return say({ error: { code: -32000, message: 'Busy' } })
    }
    state.sessions += 1
    const serverInfo = { name: 'counting', version: '1' }
    say({ result: { protocolVersion: '2025-11-25', capabilities, serverInfo } })
  }
  const http = createServer((request, response) => void answer(request, response))
  return {
    url: `${await listening(http)}/mcp`,
    state,
    listed,
    streams,
    tell() {
      for (const stream of streams) stream.write(`data: ${JSON.stringify({ jsonrpc: '2.0', method: prompts })}\n\n`)
    },
    stop() {
      http.close()
      http.closeAllConnections()
    },
  }
}

const test = dbTest.extend('world', { scope: 'file' }, async ({ db, databaseUrl }, { onCleanup }) => {
  const servers = {
    first: await startCounting(telling),
    second: await startCounting(telling),
    quiet: await startCounting({ tools: {}, resources: { subscribe: true } }),
  }
  const about = { description: '', environment: 'staging', sensitivity: 'internal', demo: true } as const
  for (const [id, { url }] of Object.entries(servers)) {
    await db.mcpServer.create({ data: { id, name: id, url, ...about } })
  }
  const start = async (limits: { agentListenersMax?: number }) =>
    startBroker({ db, databaseUrl, port: await freePort(), portalUrl, encryptionKey, limits })
  const brokers = { usual: await start({}), one: await start({ agentListenersMax: 1 }) }
  onCleanup(async () => {
    for (const { broker, stop } of Object.values(brokers)) {
      broker.abort()
      await stop()
    }
    for (const server of Object.values(servers)) server.stop()
  })
  // Each of them has greeted each server, and has been answered what it asked after that.
  for (const { listed } of Object.values(servers)) await until(() => listed.size === 2)
  return { servers, brokers }
})

async function agentAt(db: Db, { url, broker }: TestBroker, serverIds: readonly string[]): Promise<RawAgent> {
  const agent = await makeAgent(db)
  for (const serverId of serverIds)
    for (const name of ['prompts', 'resources'])
      await makeGrant(db, { agentId: agent.agentId, serverId, toolName: `method:${name}` })
  await broker.keeper.refresh()
  return new RawAgent(`${url}/mcp`, await sessionToken(db, url, agent))
}

function reading(messages: AsyncGenerator<RawMessage>): RawMessage[] {
  const heard: RawMessage[] = []
  void (async () => {
    for await (const message of messages) heard.push(message)
  })().catch(() => {})
  return heard
}

/** Opens the stream of a session. */
async function listen(raw: RawAgent) {
  const ending = new AbortController()
  const headers = await raw.begin()
  const { messages } = await raw.send({ method: 'GET', headers, signal: ending.signal })
  return { heard: reading(messages), end: () => ending.abort() }
}

/** Asks for a subscription since 2026-07-28; what is acknowledged of it. */
async function subscribe(raw: RawAgent, uris: readonly string[]) {
  const ending = new AbortController()
  const { body } = modernCall('', { more: { notifications: { resourceSubscriptions: uris } } })
  const method = 'subscriptions/listen'
  const headers = { 'mcp-protocol-version': '2026-07-28', 'mcp-method': method }
  const { messages } = await raw.send({ body: { ...body, method }, headers, signal: ending.signal })
  const heard = reading(messages)
  await until(() => heard.length > 0)
  const { notifications } = heard[0]!.params as { notifications: { resourceSubscriptions?: string[] } }
  return { acknowledged: notifications.resourceSubscriptions ?? [], end: () => ending.abort() }
}

const uris = ['wheelhouse:first:doc://rules', 'wheelhouse:second:doc://rules']

test('a server that has nothing to tell costs neither a session nor a stream', async ({ db, world }) => {
  const { first, quiet } = world.servers
  const { sessions, asked } = quiet.state
  const { heard, end } = await listen(await agentAt(db, world.brokers.usual, ['first', 'quiet']))
  await until(() => {
    first.tell()
    return heard.length > 0
  })
  expect(quiet.state).toMatchObject({ sessions, asked })
  end()
  await until(() => first.streams.size === 0)
})

test('a server that refuses a session or a stream for now is asked again, one that has no streams is not', async ({
  db,
  world,
}) => {
  const { first, second } = world.servers
  const raw = await agentAt(db, world.brokers.usual, ['first', 'second'])
  first.state.refusals = { initialize: 1, stream: [503] }
  second.state.refusals = { initialize: 0, stream: [405] }
  const { asked } = second.state
  const { heard, end } = await listen(raw)
  await until(() => {
    first.tell()
    return heard.length > 0
  })
  expect(first.state.refusals).toEqual({ initialize: 0, stream: [] })
  expect(second.state.asked).toBe(asked + 1)
  end()
  await until(() => first.streams.size === 0)
})

test('of more servers than an agent may listen to at once none is listened to, until another is no more', async ({
  db,
  world,
}) => {
  const { first, second } = world.servers
  const raw = await agentAt(db, world.brokers.one, ['first', 'second'])
  const one = await subscribe(raw, uris)
  expect(one.acknowledged).toEqual([uris[0]])
  expect((await subscribe(raw, uris)).acknowledged).toEqual([])
  one.end()
  await until(() => first.streams.size === 0)
  await until(async () => {
    const { acknowledged, end } = await subscribe(raw, uris.slice(1))
    end()
    return acknowledged.length === 1
  })
  await until(() => second.streams.size === 0)
})

test('a stream of a session listens to no more servers at once either, and to the next when there is room', async ({
  db,
  world,
}) => {
  const { first, second } = world.servers
  const raw = await agentAt(db, world.brokers.one, ['first', 'second'])
  const taken = await subscribe(raw, uris.slice(0, 1))
  expect(taken.acknowledged).toHaveLength(1)
  const { heard, end } = await listen(raw)
  const count = () => first.streams.size + second.streams.size
  expect(count()).toBe(1)
  taken.end()
  await until(() => {
    for (const server of [first, second]) server.tell()
    return heard.length > 0
  })
  await until(() => count() === 1)
  end()
  await until(() => count() === 0)
})
