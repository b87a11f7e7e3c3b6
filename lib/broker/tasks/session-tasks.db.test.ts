import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import {
  CallToolResultSchema,
  CreateTaskResultSchema,
  ElicitRequestSchema,
  type Task,
  TaskStatusNotificationSchema,
} from '@modelcontextprotocol/sdk/types.js'
import { describe, expect } from 'vitest'
import type { Db } from '#lib/db/client.ts'
import { encryptionKey, makeAgent, portalUrl, sessionToken, type TestAgent } from '#lib/dev/test/broker.ts'
import { lastEvent, until } from '#lib/dev/test/broker-world.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { makeGrant } from '#lib/dev/test/registry.ts'
import { startSessionTaskServer } from '#lib/dev/test/session-task-server.ts'
import { freePort } from '#lib/dev/ports.ts'
import { methodPrefix } from '#lib/registry/schema.ts'
import { startFixture } from '../testing/fixture/server.ts'
import { RawAgent } from '../testing/raw-agent.ts'
import { startBroker, type TestBroker } from '../testing/start-broker.ts'

// Tasks as they were a part of 2025-11-25, with the SDK of that time on both sides.

const allNames = ['tasks', 'elicitation/create']

const test = dbTest.extend('world', { scope: 'file' }, async ({ db, databaseUrl }, { onCleanup }) => {
  const server = await startSessionTaskServer()
  const modern = await startFixture({ only: 'modern' })
  const about = { description: '', environment: 'staging', sensitivity: 'internal', demo: true } as const
  await db.mcpServer.create({ data: { id: 'sessions', name: 'Sessions', url: server.url, ...about } })
  await db.mcpServer.create({ data: { id: 'modern', name: 'Modern', url: modern.url, ...about } })
  const start = async () => startBroker({ db, databaseUrl, port: await freePort(), portalUrl, encryptionKey })
  const brokers = [await start(), await start()] as const
  onCleanup(async () => {
    await Promise.all(brokers.map((broker) => broker.stop()))
    await Promise.all([server.stop(), modern.stop()])
  })
  await until(async () => new Set((await db.mcpTool.findMany()).map(({ serverId }) => serverId)).size === 2)
  return { brokers, server, start }
})

type World = { brokers: readonly [TestBroker, TestBroker] }

async function grantedAgent(db: Db, world: World, names = allNames) {
  const agent = await makeAgent(db)
  const { agentId } = agent
  const grants: Record<string, string> = {}
  for (const serverId of ['modern', 'sessions']) {
    grants['tools'] = await makeGrant(db, { agentId, serverId, class: 'write' })
    for (const name of names) {
      grants[name] = await makeGrant(db, { agentId, serverId, toolName: methodPrefix + name })
    }
  }
  for (const { broker } of world.brokers) await broker.keeper.refresh()
  return { agent, grants }
}

type Options = { path?: string; sessionId?: string; onStatus?: (task: unknown) => void }

async function connect(db: Db, at: TestBroker, agent: TestAgent, options: Options = {}) {
  const { path = '/mcp/sessions', onStatus } = options
  const token = await sessionToken(db, at.url, agent)
  await at.broker.keeper.refresh()
  const client = new Client({ name: 'task-client', version: '1' }, { capabilities: { elicitation: { form: {} } } })
  client.setRequestHandler(ElicitRequestSchema, () => ({ action: 'accept', content: { yes: true } }))
  if (onStatus) client.setNotificationHandler(TaskStatusNotificationSchema, ({ params }) => onStatus(params))
  const requestInit = { headers: { authorization: `Bearer ${token}` } }
  const transport = new StreamableHTTPClientTransport(new URL(at.url + path), { requestInit })
  await client.connect(transport)
  await client.listTools()
  return { client, transport, tasks: client.experimental.tasks }
}

type Connected = Awaited<ReturnType<typeof connect>>

/** Begins a task and leaves it to itself. */
async function begin({ client }: Connected, ms: number, say = 'done'): Promise<Task> {
  const params = { name: 'compute', arguments: { ms, say }, task: { ttl: 60_000 } }
  return (await client.request({ method: 'tools/call', params }, CreateTaskResultSchema)).task
}

const ruleOf = async (answer: Promise<unknown>) => {
  const error = (await answer.then(
    () => null,
    (thrown: unknown) => thrown,
  )) as { code?: number; data?: { rule?: string } } | null
  return [error?.code, error?.data?.rule]
}

test('a call that the agent wants as a task is one, waits for an answer and is fetched', async ({ db, world }) => {
  const { agent } = await grantedAgent(db, world)
  const connected = await connect(db, world.brokers[0], agent)
  const { client, tasks } = connected
  const list = { list: {}, cancel: {}, requests: { tools: { call: {} } } }
  expect(client.getServerCapabilities()?.tasks).toEqual(list)
  const seen: string[] = []
  for await (const message of tasks.callToolStream({ name: 'confirm', arguments: {} }, CallToolResultSchema)) {
    seen.push(message.type)
    if (message.type === 'error') throw message.error
    if (message.type !== 'result') continue
    expect(message.result.content).toEqual([{ type: 'text', text: 'accept {"yes":true}' }])
  }
  expect([seen[0], seen.at(-1)]).toEqual(['taskCreated', 'result'])

  const task = await begin(connected, 0, 'computed')
  expect(task).toMatchObject({ ttl: 60_000, pollInterval: 50, status: 'working' })
  expect(await world.server.store.getTask(task.taskId)).toBeNull()
  const result = await tasks.getTaskResult(task.taskId, CallToolResultSchema)
  expect(result).toMatchObject({
    content: [{ text: 'computed' }],
    _meta: { 'io.modelcontextprotocol/related-task': { taskId: task.taskId } },
  })
  const where = { agentId: agent.agentId, event: 'mcp.call_allowed' }
  const rows = await db.auditEvent.findMany({ where, orderBy: { seq: 'asc' } })
  const begun = rows.findLast(({ tool }) => tool === 'compute')!
  expect(begun.detail).toMatchObject({ outcome: 'task', task: { tool: 'compute', status: 'working' } })
  const fetched = rows.findLast(({ tool }) => tool === 'tasks/result')!
  const { id } = (begun.detail as { task: { id: string } }).task
  expect(fetched.detail).toMatchObject({ outcome: 'ok', task: { id, tool: 'compute' } })
  const asked = rows.filter(({ tool }) => tool === 'elicitation/create')
  expect(asked.map(({ detail }) => (detail as { outcome: string }).outcome)).toEqual(['asked', 'ok'])
})

test('a result passes the guards, and a task is cancelled at its server', async ({ db, world }) => {
  const { agent } = await grantedAgent(db, world)
  const connected = await connect(db, world.brokers[0], agent)
  const told = await begin(connected, 0, `the key is ghp_${'a1B2'.repeat(9)}`)
  const { content } = await connected.tasks.getTaskResult(told.taskId, CallToolResultSchema)
  expect(content).toEqual([{ type: 'text', text: 'the key is [masked: github_token]' }])
  const long = await begin(connected, 60_000)
  expect(await connected.tasks.cancelTask(long.taskId)).toMatchObject({ taskId: long.taskId, status: 'cancelled' })
  expect(await ruleOf(connected.tasks.cancelTask(long.taskId))).toEqual([-32602, undefined])
})

test('a list shows one’s own tasks only, though the server lists those of all', async ({ db, world }) => {
  const [one, other] = [await grantedAgent(db, world), await grantedAgent(db, world)]
  const mine = await connect(db, world.brokers[0], one.agent)
  const theirs = await connect(db, world.brokers[1], other.agent)
  const [first, second] = [await begin(mine, 60_000), await begin(theirs, 60_000)]
  expect((await mine.tasks.listTasks()).tasks.map(({ taskId }) => taskId)).toEqual([first.taskId])
  expect((await theirs.tasks.listTasks()).tasks.map(({ taskId }) => taskId)).toEqual([second.taskId])
  for (const method of ['getTask', 'cancelTask', 'getTaskResult'] as const) {
    expect(await ruleOf(theirs.tasks[method](first.taskId))).toEqual([-32602, 'task_not_yours'])
    expect(await lastEvent(db, other.agent.agentId, 'mcp.call_denied')).toMatchObject({ rule: 'task_not_yours' })
  }
  expect(await mine.tasks.getTask(first.taskId)).toMatchObject({ status: 'working' })
  // What may not be fetched any more is not listed either.
  await db.grant.update({ where: { id: one.grants['tools']! }, data: { revokedAt: new Date() } })
  await world.brokers[0].broker.keeper.refresh()
  expect((await mine.tasks.listTasks()).tasks).toEqual([])
  expect(await ruleOf(mine.tasks.getTask(first.taskId))).toEqual([-32010, 'grant_missing'])
})

test('word of a task reaches its agent alone', async ({ db, world }) => {
  const [one, other] = [await grantedAgent(db, world), await grantedAgent(db, world)]
  const told: Task[] = []
  const others: Task[] = []
  const mine = await connect(db, world.brokers[0], one.agent, { onStatus: (task) => told.push(task as Task) })
  const theirs = await connect(db, world.brokers[0], other.agent, { onStatus: (task) => others.push(task as Task) })
  const task = await begin(mine, 100)
  await until(() => told.some(({ status }) => status === 'completed'))
  // A server may tell all of what is one's.
  const known = (await world.server.store.listTasks()).tasks.map((each) => ({ ...each }))
  for (const each of known) await world.server.tellAll('notifications/tasks/status', each)
  const marker = await begin(theirs, 100)
  await until(() => others.some(({ status }) => status === 'completed'))
  const idsOf = (tasks: Task[]) => new Set(tasks.map(({ taskId }) => taskId))
  expect([idsOf(told), idsOf(others)]).toEqual([new Set([task.taskId]), new Set([marker.taskId])])
})

test('a cancellation reaches the server in a session that is for tasks only', async ({ db, world }) => {
  const agent = await makeAgent(db)
  for (const toolName of ['compute', 'method:tasks']) {
    await makeGrant(db, { agentId: agent.agentId, serverId: 'sessions', toolName })
  }
  const { url, broker } = world.brokers[0]
  await broker.keeper.refresh()
  const raw = new RawAgent(`${url}/mcp/sessions`, await sessionToken(db, url, agent))
  const headers = await raw.begin()
  const { heard } = world.server
  heard.length = 0
  const body = { method: 'notifications/cancelled', params: { requestId: 99 } }
  expect((await raw.ask({ body, headers })).status).toBe(202)
  await until(() => heard.includes('notifications/cancelled'))
})

test('a wait ends when the grant does', async ({ db, world }) => {
  const { agent, grants } = await grantedAgent(db, world)
  const connected = await connect(db, world.brokers[0], agent)
  const task = await begin(connected, 60_000)
  const waiting = ruleOf(connected.tasks.getTaskResult(task.taskId, CallToolResultSchema))
  const metrics = async () => (await fetch(`${world.brokers[0].url}/metrics`)).text()
  await until(async () => /wheelhouse_broker_calls_in_flight [1-9]/.test(await metrics()))
  await db.grant.update({ where: { id: grants['tools']! }, data: { revokedAt: new Date() } })
  expect(await waiting).toEqual([-32010, 'grant_missing'])
})

test('a session goes on with its tasks at another replica, also one that was started after it', async ({
  db,
  world,
}) => {
  const { agent } = await grantedAgent(db, world)
  const first = await world.start()
  const before = await connect(db, first, agent)
  const task = await begin(before, 200, 'moved')
  await first.stop()
  const later = await world.start()
  try {
    for (const at of [world.brokers[1], later]) {
      const token = await sessionToken(db, at.url, agent)
      const requestInit = { headers: { authorization: `Bearer ${token}` } }
      const transport = new StreamableHTTPClientTransport(new URL(`${at.url}/mcp/sessions`), {
        requestInit,
        sessionId: before.transport.sessionId!,
      })
      const client = new Client({ name: 'task-client', version: '1' })
      await client.connect(transport)
      const { content } = await client.experimental.tasks.getTaskResult(task.taskId, CallToolResultSchema)
      expect(content).toEqual([{ type: 'text', text: 'moved' }])
      expect((await client.experimental.tasks.listTasks()).tasks).toMatchObject([{ taskId: task.taskId }])
    }
  } finally {
    await later.stop()
  }
})

describe('tasks are not offered', () => {
  test('without their grant: a call stays a call, the methods are refused', async ({ db, world }) => {
    const { agent } = await grantedAgent(db, world, ['elicitation/create'])
    const { client, tasks } = await connect(db, world.brokers[0], agent)
    expect(client.getServerCapabilities()?.tasks).toBeUndefined()
    const params = { name: 'compute', arguments: { ms: 0, say: 'at once' }, task: { ttl: 60_000 } }
    const called = await client.request({ method: 'tools/call', params }, CallToolResultSchema)
    expect(called.content).toEqual([{ type: 'text', text: 'at once' }])
    expect(await ruleOf(tasks.listTasks())).toEqual([-32010, 'grant_missing'])
  })
})
