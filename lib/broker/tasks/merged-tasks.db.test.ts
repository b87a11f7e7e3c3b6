import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import {
  CallToolResultSchema,
  CreateTaskResultSchema,
  ElicitRequestSchema,
  type Task,
} from '@modelcontextprotocol/sdk/types.js'
import { expect } from 'vitest'
import type { Db } from '#lib/db/client.ts'
import { encryptionKey, makeAgent, portalUrl, sessionToken, type TestAgent } from '#lib/dev/test/broker.ts'
import { startBrokerProcess } from '#lib/dev/test/broker-process.ts'
import { until } from '#lib/dev/test/broker-world.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { makeGrant } from '#lib/dev/test/registry.ts'
import { startSessionTaskServer } from '#lib/dev/test/session-task-server.ts'
import { freePort } from '#lib/dev/ports.ts'
import { createKeyring } from '#lib/keys/commands.ts'
import { methodPrefix } from '#lib/registry/schema.ts'
import { startFixture } from '../testing/fixture/server.ts'
import { modernCall, RawAgent } from '../testing/raw-agent.ts'
import { startBroker, type TestBroker } from '../testing/start-broker.ts'

// An agent with a session at the merged address: tasks of a server of 2025-11-25, which knows them in the session they were begun in only, and of one of 2026-07-28.

const serverIds = ['sessions', 'modern'] as const

const test = dbTest.extend('world', { scope: 'file' }, async ({ db, databaseUrl }, { onCleanup }) => {
  const sessions = await startSessionTaskServer({ bound: true })
  const modern = await startFixture({ only: 'modern' })
  const about = { description: '', environment: 'staging', sensitivity: 'internal', demo: true } as const
  await db.mcpServer.create({ data: { id: 'sessions', name: 'Sessions', url: sessions.url, ...about } })
  await db.mcpServer.create({ data: { id: 'modern', name: 'Modern', url: modern.url, ...about } })
  const start = async () => startBroker({ db, databaseUrl, port: await freePort(), portalUrl, encryptionKey })
  const brokers = [await start(), await start()] as const
  onCleanup(async () => {
    await Promise.all(brokers.map((broker) => broker.stop()))
    await Promise.all([sessions.stop(), modern.stop()])
  })
  // Both have spoken to both, and know by that which tasks they have.
  for (const { broker } of brokers) {
    for (const id of serverIds) {
      await until(() => broker.keeper.view.servers.has(id))
      await broker.discovery.discover(broker.keeper.view.servers.get(id)!)
    }
    await until(() => [...broker.keeper.view.servers.values()].every(({ tools }) => tools.size > 0))
  }
  return { brokers, sessions, modern }
})

type World = { brokers: readonly [TestBroker, TestBroker] }

async function grantedAgent(db: Db, world: World, names: readonly string[] = ['tasks', 'elicitation/create']) {
  const agent = await makeAgent(db)
  const { agentId } = agent
  const tools: Record<string, string> = {}
  for (const serverId of serverIds) {
    tools[serverId] = await makeGrant(db, { agentId, serverId, class: 'write' })
    for (const name of names) await makeGrant(db, { agentId, serverId, toolName: methodPrefix + name })
  }
  for (const { broker } of world.brokers) await broker.keeper.refresh()
  return { agent, tools }
}

async function connect(db: Db, url: string, agent: TestAgent, sessionId?: string) {
  const token = await sessionToken(db, url, agent)
  const client = new Client({ name: 'task-client', version: '1' }, { capabilities: { elicitation: { form: {} } } })
  client.setRequestHandler(ElicitRequestSchema, () => ({ action: 'accept', content: { yes: true, confirm: true } }))
  const requestInit = { headers: { authorization: `Bearer ${token}` } }
  const transport = new StreamableHTTPClientTransport(new URL(`${url}/mcp`), {
    requestInit,
    ...(sessionId === undefined ? {} : { sessionId }),
  })
  await client.connect(transport)
  const tools = sessionId === undefined ? (await client.listTools()).tools : []
  return { client, transport, tasks: client.experimental.tasks, tools }
}

type Connected = Awaited<ReturnType<typeof connect>>
const slow = {
  sessions: (ms: number) => ({ name: 'sessions__compute', arguments: { ms, say: 'computed' } }),
  modern: (ms: number) => ({ name: 'modern__slow_compute', arguments: { seconds: ms / 1000 } }),
}

async function begin({ client }: Connected, call: object): Promise<Task> {
  const params = { ...call, task: { ttl: 60_000 } }
  return (await client.request({ method: 'tools/call', params }, CreateTaskResultSchema)).task
}

const failureOf = async (answer: Promise<unknown>) => {
  const error = (await answer.then(
    () => null,
    (thrown: unknown) => thrown,
  )) as { code?: number; data?: { rule?: string } } | null
  return [error?.code, error?.data?.rule]
}

const resultOf = ({ tasks }: Connected, taskId: string) => tasks.getTaskResult(taskId, CallToolResultSchema)

test('tasks are offered there, and which tool can be one says its list', async ({ db, world }) => {
  const { agent } = await grantedAgent(db, world)
  const { client, tools } = await connect(db, world.brokers[0].url, agent)
  const all = { list: {}, cancel: {}, requests: { tools: { call: {} } } }
  expect(client.getServerCapabilities()?.tasks).toEqual(all)
  const supportOf = (of: typeof tools, name: string) => of.find((tool) => tool.name === name)?.execution?.taskSupport
  expect(supportOf(tools, 'sessions__compute')).toBe('optional')
  expect(supportOf(tools, 'sessions__confirm')).toBe('required')
  expect(supportOf(tools, 'modern__slow_compute')).toBe('optional')
  const without = await grantedAgent(db, world, [])
  const other = await connect(db, world.brokers[0].url, without.agent)
  expect(other.client.getServerCapabilities()?.tasks).toBeUndefined()
  expect(await failureOf(other.tasks.listTasks())).toEqual([-32010, 'grant_missing'])
  expect(other.tools.filter(({ execution }) => execution !== undefined)).toEqual([])
  expect(other.tools.map(({ name }) => name)).not.toContain('sessions__confirm')
})

test.for(serverIds)(
  'a call is a task at its server (%s), and every replica has it',
  async (serverId, { db, world }) => {
    const { agent } = await grantedAgent(db, world)
    const here = await connect(db, world.brokers[0].url, agent)
    const there = await connect(db, world.brokers[1].url, agent, here.transport.sessionId)
    // Of the same agent, in a session that has nothing to do with it.
    const later = await connect(db, world.brokers[1].url, agent)
    const task = await begin(here, slow[serverId](200))
    expect(task).toMatchObject({ status: 'working' })
    for (const at of [there, here, later]) {
      expect(await resultOf(at, task.taskId)).toMatchObject({
        content: [{ type: 'text' }],
        _meta: { 'io.modelcontextprotocol/related-task': { taskId: task.taskId } },
      })
      expect(await at.tasks.getTask(task.taskId)).toMatchObject({ taskId: task.taskId, status: 'completed' })
    }
    const long = await begin(here, slow[serverId](60_000))
    expect(await there.tasks.cancelTask(long.taskId)).toMatchObject({ taskId: long.taskId, status: 'cancelled' })
    const where = { agentId: agent.agentId, serverId, event: 'mcp.call_allowed' }
    const rows = await db.auditEvent.findMany({ where, orderBy: { seq: 'asc' } })
    const about = rows.map(({ tool, detail }) => ({ tool, ...(detail as { outcome: string; task?: { id: string } }) }))
    const begun = about.find(({ outcome }) => outcome === 'task')
    const fetched = about.filter(({ tool, task: of }) => tool === 'tasks/result' && of?.id === begun!.task!.id)
    expect(fetched.map(({ outcome }) => outcome)).toEqual(['ok', 'ok', 'ok'])
    const other = await connect(db, world.brokers[0].url, (await grantedAgent(db, world)).agent)
    expect(await failureOf(other.tasks.getTask(task.taskId))).toEqual([-32602, 'task_not_yours'])
  },
)

test.for([
  ['sessions', { name: 'sessions__confirm', arguments: {} }],
  ['modern', { name: 'modern__confirm_delete', arguments: { filename: 'a.txt' } }],
] as const)('what a task asks is asked over the wait for its result (%s)', async ([, call], { db, world }) => {
  const { agent } = await grantedAgent(db, world)
  const here = await connect(db, world.brokers[0].url, agent)
  const task = await begin(here, call)
  const later = await connect(db, world.brokers[1].url, agent)
  expect(JSON.stringify((await resultOf(later, task.taskId)).content)).toContain('accept')
})

test.for(serverIds)('a wait ends when the grant of its server does (%s)', async (serverId, { db, world }) => {
  const { agent, tools } = await grantedAgent(db, world)
  const here = await connect(db, world.brokers[0].url, agent)
  const task = await begin(here, slow[serverId](60_000))
  const waiting = failureOf(resultOf(here, task.taskId))
  const metrics = async () => (await fetch(`${world.brokers[0].url}/metrics`)).text()
  await until(async () => /wheelhouse_broker_calls_in_flight [1-9]/.test(await metrics()))
  await db.grant.update({ where: { id: tools[serverId]! }, data: { revokedAt: new Date() } })
  expect(await waiting).toEqual([-32010, 'grant_missing'])
  expect(await failureOf(here.tasks.getTask(task.taskId))).toEqual([-32010, 'grant_missing'])
})

const idsOf = (tasks: readonly Task[]) => tasks.map(({ taskId }) => taskId)

test('a list has one’s own tasks of all servers in the order they began, page by page at every replica', async ({
  db,
  world,
}) => {
  const { agent, tools } = await grantedAgent(db, world)
  const here = await connect(db, world.brokers[0].url, agent)
  const there = await connect(db, world.brokers[1].url, agent, here.transport.sessionId)
  const theirs = await connect(db, world.brokers[0].url, (await grantedAgent(db, world)).agent)
  await begin(theirs, slow.modern(60_000))
  const begun: string[] = []
  for (let at = 0; at < 18; at += 1) {
    const of = at % 2 === 0 ? slow.sessions : slow.modern
    begun.push((await begin(here, of(60_000))).taskId)
  }
  const first = await here.tasks.listTasks()
  const rest = await there.tasks.listTasks(first.nextCursor)
  expect(first.tasks.map(({ status }) => status)).toEqual(Array(16).fill('working'))
  expect([...idsOf(first.tasks), ...idsOf(rest.tasks)]).toEqual(begun)
  expect(rest.nextCursor).toBeUndefined()
  // A cursor says nothing to whoever reads it, and is of no use elsewhere.
  const key = (await db.brokeredTask.findFirstOrThrow({ where: { taskId: begun[15]! } })).key
  expect(Buffer.from(first.nextCursor!, 'base64url').toString()).not.toContain(key.slice(0, 8))
  expect(await failureOf(theirs.tasks.listTasks(first.nextCursor))).toEqual([-32602, 'params_invalid'])
  expect(await failureOf(here.tasks.listTasks('no cursor'))).toEqual([-32602, 'params_invalid'])
  const where = { agentId: agent.agentId, event: 'mcp.call_allowed', tool: 'tasks/list' }
  const rows = await db.auditEvent.findMany({ where, orderBy: { seq: 'asc' } })
  expect(new Set(rows.map(({ serverId }) => serverId))).toEqual(new Set(serverIds))
  // What may not be asked for any more is not listed.
  await db.grant.update({ where: { id: tools['sessions']! }, data: { revokedAt: new Date() } })
  for (const { broker } of world.brokers) await broker.keeper.refresh()
  const modern = begun.filter((_, at) => at % 2 === 1)
  const left = await here.tasks.listTasks()
  const more = await here.tasks.listTasks(left.nextCursor)
  expect([...idsOf(left.tasks), ...idsOf(more.tasks)]).toEqual(modern)
})

test('a list leaves out whose server does not answer, and says so', async ({ db, world }) => {
  const gone = await startSessionTaskServer()
  const about = { description: '', environment: 'staging', sensitivity: 'internal', demo: true } as const
  await db.mcpServer.create({ data: { id: 'gone', name: 'Gone', url: gone.url, ...about } })
  const { broker, url } = world.brokers[0]
  await until(() => broker.keeper.view.servers.has('gone'))
  await broker.discovery.discover(broker.keeper.view.servers.get('gone')!)
  await until(() => broker.keeper.view.servers.get('gone')!.tools.size > 0)
  const { agent } = await grantedAgent(db, world)
  const { agentId } = agent
  await makeGrant(db, { agentId, serverId: 'gone', class: 'read' })
  await makeGrant(db, { agentId, serverId: 'gone', toolName: `${methodPrefix}tasks` })
  await broker.keeper.refresh()
  const here = await connect(db, url, agent)
  await begin(here, { name: 'gone__compute', arguments: { ms: 60_000, say: '' } })
  const kept = await begin(here, slow.sessions(60_000))
  await gone.stop()
  const listed = await here.tasks.listTasks()
  expect(idsOf(listed.tasks)).toEqual([kept.taskId])
  expect(listed._meta).toMatchObject({ 'wheelhouse/omitted': [{ serverId: 'gone' }] })
  await db.mcpServer.update({ where: { id: 'gone' }, data: { status: 'disabled' } })
})

test('a task of a server that has forgotten its session is unknown, and the next one begins', async ({ db, world }) => {
  const { agent } = await grantedAgent(db, world)
  const here = await connect(db, world.brokers[0].url, agent)
  const task = await begin(here, slow.sessions(0))
  world.sessions.forget()
  expect(await failureOf(here.tasks.getTask(task.taskId))).toEqual([-32602, 'task_unknown'])
  const next = await begin(here, slow.sessions(0))
  expect((await resultOf(here, next.taskId)).content).toEqual([{ type: 'text', text: 'computed' }])
})

test('the replica that began a task may be killed', async ({ db, databaseUrl, world }) => {
  const { agent } = await grantedAgent(db, world)
  const killed = await startBrokerProcess({ databaseUrl })
  // It offers tasks as soon as it has spoken to its servers.
  let at: Connected | undefined
  await until(async () => {
    at = await connect(db, killed.url, agent)
    return at.tools.some(({ name, execution }) => name === 'sessions__compute' && execution?.taskSupport === 'optional')
  })
  const task = await begin(at!, slow.sessions(100))
  await killed.kill()
  const there = await connect(db, world.brokers[1].url, agent, at!.transport.sessionId)
  expect((await resultOf(there, task.taskId)).content).toEqual([{ type: 'text', text: 'computed' }])
})

test('of whoever listens for what are no tasks no more ids are read than it may make calls', async ({
  db,
  databaseUrl,
  world,
}) => {
  const keys = createKeyring([{ driver: 'environment', key: encryptionKey }], db)
  let opened = 0
  const keyring: typeof keys = {
    ...keys,
    open(...sealed) {
      opened += 1
      return keys.open(...sealed)
    },
  }
  const limits = { agentCallsPerSecond: 2 }
  const at = await startBroker({ db, databaseUrl, port: await freePort(), portalUrl, encryptionKey, keyring, limits })
  const { agent } = await grantedAgent(db, world)
  await at.broker.keeper.refresh()
  const raw = new RawAgent(`${at.url}/mcp`, await sessionToken(db, at.url, agent))
  const taskIds = Array.from({ length: 100 }, (_, index) => index.toString(16).padStart(100, '0'))
  const capabilities = { extensions: { 'io.modelcontextprotocol/tasks': {} } }
  const { body } = modernCall('', { capabilities, more: { notifications: { taskIds } } })
  const method = 'subscriptions/listen'
  const headers = { 'mcp-protocol-version': '2026-07-28', 'mcp-method': method }
  expect((await raw.ask({ body: { ...body, method }, headers })).status).toBe(200)
  await at.stop()
  // Eight at once, and what comes while they are read.
  expect(opened).toBeGreaterThan(0)
  expect(opened).toBeLessThan(50)
})
