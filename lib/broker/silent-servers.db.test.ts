import { expect } from 'vitest'
import type { Db } from '#lib/db/client.ts'
import { freePort } from '#lib/dev/ports.ts'
import { encryptionKey, makeAgent, portalUrl, sessionToken } from '#lib/dev/test/broker.ts'
import { until } from '#lib/dev/test/broker-world.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { makeGrant } from '#lib/dev/test/registry.ts'
import { modernCall, RawAgent, type RawMessage } from './testing/raw-agent.ts'
import { startSilentServer, type Unanswered } from './testing/silent-servers.ts'
import { startBroker, type TestBroker } from './testing/start-broker.ts'
import type { Era } from './wire.ts'

// Whatever an agent sends to a server that says nothing: it ends by its rule when its time is over, and the server learns of it when its agent gives it up before.

const capabilities = { extensions: { 'io.modelcontextprotocol/tasks': {} } }
const params = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'test', version: '1' } }
const initialize = { id: 1, method: 'initialize', params }
/** Taken by a server that stays silent for every row: none of them is to open its circuit. */
const circuitFailures = 1000
const brokerUrl = 'http://broker.test'

/** Two brokers in front of a server of each era that can fall silent: one waits for little, the other for long. */
const test = dbTest.extend('world', { scope: 'file' }, async ({ db, databaseUrl }, { onCleanup }) => {
  const servers = { legacy: await startSilentServer('legacy'), modern: await startSilentServer('modern') }
  const about = { description: '', environment: 'staging', sensitivity: 'internal', demo: true } as const
  for (const [id, { url }] of Object.entries(servers)) {
    await db.mcpServer.create({ data: { id, name: id, url, ...about } })
  }
  const start = async (callDeadlineMs: number) => {
    const limits = { circuitFailures, callDeadlineMs }
    return startBroker({ db, databaseUrl, port: await freePort(), brokerUrl, portalUrl, encryptionKey, limits })
  }
  const brokers = { short: await start(3000), long: await start(300_000) }
  onCleanup(async () => {
    for (const { broker, stop } of Object.values(brokers)) {
      broker.abort()
      await stop()
    }
    for (const server of Object.values(servers)) server.stop()
  })
  await until(async () => (await db.mcpTool.count({ where: { state: 'approved' } })) === 2)
  return { brokers, servers }
})

type World = {
  brokers: Record<'short' | 'long', TestBroker>
  servers: Record<Era, Awaited<ReturnType<typeof startSilentServer>>>
}
type Row = {
  /** What the server hears. */
  heard: string
  /** As its agent sends it. */
  sent: Parameters<RawAgent['send']>[0]
  /** Takes it back. */
  giveUp: 'leave' | 'cancel'
}

const methods: Record<string, object> = {
  'tools/call': { name: 'work', arguments: {} },
  'resources/list': {},
  'resources/read': { uri: 'doc://rules' },
  'prompts/list': {},
  'prompts/get': { name: 'greet' },
  'completion/complete': { ref: { type: 'ref/prompt', name: 'greet' }, argument: { name: 'whom', value: 'A' } },
}
const ofSessions: Record<string, object> = {
  'resources/subscribe': { uri: 'doc://rules' },
  'logging/setLevel': { level: 'error' },
}

/** Before 2026-07-28: requests are taken back with a notification, everything else by leaving. */
async function legacyRows(raw: RawAgent): Promise<Row[]> {
  const [calls, streams, ends] = [await raw.begin(), await raw.begin(), await raw.begin()]
  const begun = await raw.ask({
    body: { id: 1, method: 'tools/call', params: { ...methods['tools/call'], task: {} } },
    headers: calls,
  })
  const { taskId } = begun.last.result!['task'] as { taskId: string }
  const requests = { ...methods, ...ofSessions, 'tasks/get': { taskId } }
  return [
    ...Object.entries(requests).map(([method, given]): Row => {
      const body = { id: `mine-${method}`, method, params: given }
      return { heard: method, sent: { body, headers: calls }, giveUp: 'cancel' }
    }),
    { heard: 'initialize', sent: { body: initialize }, giveUp: 'leave' },
    { heard: 'GET', sent: { method: 'GET', headers: streams }, giveUp: 'leave' },
    { heard: 'DELETE', sent: { method: 'DELETE', headers: ends }, giveUp: 'leave' },
  ]
}

/** Since 2026-07-28: whoever leaves takes it back. */
async function modernRows(raw: RawAgent): Promise<Row[]> {
  const { taskId } = (await raw.ask(modernCall('work', { capabilities }))).last.result as { taskId: string }
  const notifications = { resourceSubscriptions: ['doc://rules'] }
  const requests = { ...methods, 'tasks/get': { taskId }, 'subscriptions/listen': { notifications } }
  return Object.entries(requests).map(([method, given]): Row => {
    const { body, headers } = modernCall('', { capabilities, more: given })
    const { name, uri } = given as { name?: string; uri?: string }
    const named = method === 'tasks/get' ? taskId : (name ?? uri)
    const { 'mcp-name': _, ...rest } = headers
    const sentHeaders = { ...rest, 'mcp-method': method, ...(named ? { 'mcp-name': named } : {}) }
    return { heard: method, sent: { body: { ...body, method }, headers: sentHeaders }, giveUp: 'leave' }
  })
}

const eras = {
  legacy: {
    rows: legacyRows,
    greets: async (raw: RawAgent) => (await raw.ask({ body: initialize })).status === 200,
  },
  modern: {
    rows: modernRows,
    greets: async (raw: RawAgent) => (await raw.ask(modernCall('work', { capabilities }))).last.result !== undefined,
  },
}

/** What an agent of the era can send to the server of its era, which from now on says nothing to any of it. */
async function silenced(db: Db, world: World, { era, broker }: { era: Era; broker: TestBroker }) {
  const agent = await makeAgent(db)
  for (const toolName of [null, 'method:tasks'])
    await makeGrant(db, { agentId: agent.agentId, serverId: era, toolName })
  for (const each of Object.values(world.brokers)) await each.broker.keeper.refresh()
  const token = await sessionToken(db, brokerUrl, agent)
  const at = ({ url }: TestBroker) => new RawAgent(`${url}/mcp/${era}`, token)
  const { state } = world.servers[era]
  state.silent = () => false
  for (const each of Object.values(world.brokers)) await until(() => eras[era].greets(at(each)))
  const rows = await eras[era].rows(at(world.brokers.long))
  const raw = at(broker)
  state.unanswered.length = 0
  state.silent = () => true
  const of = ({ heard }: Row) => state.unanswered.find(({ method }) => method === heard)
  /** How the server learned of the end of each: that a connection is closed it may hear before it hears why. */
  const ends = async () => {
    await until(() => rows.every((row) => of(row)?.end === expected[era][row.heard]!.end), 20_000).catch(() => {})
    return Object.fromEntries(rows.map((row) => [row.heard, of(row)?.end]))
  }
  return { rows, raw, ends, heardAll: () => until(() => rows.every(of)) }
}

const requests = Object.keys(methods)
const expected: Record<Era, Record<string, { end: Unanswered['end']; outcome: string }>> = {
  legacy: {
    ...each([...requests, ...Object.keys(ofSessions), 'tasks/get'], { end: 'cancelled', outcome: 'upstream_deadline' }),
    initialize: { end: 'closed', outcome: 'upstream_unavailable' },
    GET: { end: 'closed', outcome: 'upstream_deadline' },
    // It is over here, whatever becomes of it there.
    DELETE: { end: 'closed', outcome: '200' },
  },
  modern: {
    ...each([...requests, 'tasks/get'], { end: 'closed', outcome: 'upstream_deadline' }),
    // The stream that tells nothing ends, so that its agent listens again.
    'subscriptions/listen': { end: 'closed', outcome: '200' },
  },
}

function each<T>(names: readonly string[], value: T): Record<string, T> {
  return Object.fromEntries(names.map((name) => [name, value]))
}

function outcomeOf({ status, last }: { status: number; last: RawMessage }): string {
  return /upstream_deadline|upstream_unavailable/.exec(JSON.stringify(last))?.[0] ?? String(status)
}

test.for(['legacy', 'modern'] as const)(
  'whatever an agent sends to a silent server (%s) ends by its rule, and the server learns that nobody waits',
  async (era, { db, world }) => {
    const { rows, raw, ends } = await silenced(db, world, { era, broker: world.brokers.short })
    const answers = await Promise.all(rows.map(async ({ heard, sent }) => [heard, outcomeOf(await raw.ask(sent))]))
    const learned = await ends()
    const found = Object.fromEntries(answers.map(([heard, outcome]) => [heard, { end: learned[heard!], outcome }]))
    expect(found).toEqual(expected[era])
  },
)

test.for(['legacy', 'modern'] as const)(
  'whatever an agent takes back or leaves, its server (%s) learns that nobody waits',
  async (era, { db, world }) => {
    const { rows, raw, ends, heardAll } = await silenced(db, world, { era, broker: world.brokers.long })
    const leaving = new AbortController()
    const { signal } = leaving
    const asked = rows.map(async ({ sent, giveUp }) => {
      await raw.ask({ ...sent, ...(giveUp === 'leave' ? { signal } : {}) }).catch((error: unknown) => {
        if (!signal.aborted) throw error
      })
    })
    await heardAll()
    leaving.abort()
    for (const { giveUp, sent } of rows) {
      if (giveUp === 'leave') continue
      const { id: requestId } = sent.body as { id: string }
      await raw.ask({ body: { method: 'notifications/cancelled', params: { requestId } }, headers: sent.headers! })
    }
    const learned = Object.entries(expected[era]).map(([heard, { end }]) => [heard, end])
    expect(await ends()).toEqual(Object.fromEntries(learned))
    await Promise.all(asked)
  },
)

test.for(['initialize', 'GET', 'resources/subscribe'])(
  'a server with sessions that is silent when it comes to %s is not listened to for longer than a call may take',
  async (step, { db, world }) => {
    const { state } = world.servers.legacy
    const agent = await makeAgent(db)
    await makeGrant(db, { agentId: agent.agentId, serverId: 'legacy', toolName: null })
    const { broker, url } = world.brokers.short
    await broker.keeper.refresh()
    const raw = new RawAgent(`${url}/mcp/legacy`, await sessionToken(db, brokerUrl, agent))
    state.silent = (method) => method === step
    state.unanswered.length = 0
    const method = 'subscriptions/listen'
    const { body } = modernCall('', {
      more: { notifications: { toolsListChanged: true, resourceSubscriptions: ['doc://rules'] } },
    })
    const headers = { 'mcp-protocol-version': '2026-07-28', 'mcp-method': method }
    const { last } = await raw.ask({ body: { ...body, method }, headers })
    expect(last.result).toMatchObject({ resultType: 'complete' })
    await until(() => state.unanswered.length > 0 && state.unanswered.every(({ end }) => end !== 'open'))
    expect(state.unanswered.map((asked) => asked.method)).toEqual([step])
  },
)
