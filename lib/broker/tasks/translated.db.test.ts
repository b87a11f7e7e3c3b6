import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import { CallToolResultSchema, CreateTaskResultSchema, ElicitRequestSchema } from '@modelcontextprotocol/sdk/types.js'
import { describe, expect, onTestFinished } from 'vitest'
import type { Db } from '#lib/db/client.ts'
import { encryptionKey, makeAgent, portalUrl, sessionToken, type TestAgent } from '#lib/dev/test/broker.ts'
import { agentSession, lastEvent, until } from '#lib/dev/test/broker-world.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { makeGrant } from '#lib/dev/test/registry.ts'
import { freePort } from '#lib/dev/ports.ts'
import { startSessionTaskServer } from '#lib/dev/test/session-task-server.ts'
import { methodPrefix } from '#lib/registry/schema.ts'
import { startFixture } from '../testing/fixture/server.ts'
import { startBroker, type TestBroker } from '../testing/start-broker.ts'

// An agent with the SDK of 2025-11-25 at a server whose tasks are those of 2026-07-28, and what is refused the other way round.

const test = dbTest.extend('world', { scope: 'file' }, async ({ db, databaseUrl }, { onCleanup }) => {
  const modern = await startFixture({ only: 'modern' })
  const sessions = await startSessionTaskServer()
  const about = { description: '', environment: 'staging', sensitivity: 'internal', demo: true } as const
  await db.mcpServer.create({ data: { id: 'modern', name: 'Modern', url: modern.url, ...about } })
  await db.mcpServer.create({ data: { id: 'sessions', name: 'Sessions', url: sessions.url, ...about } })
  const start = async () => startBroker({ db, databaseUrl, port: await freePort(), portalUrl, encryptionKey })
  const brokers = [await start(), await start()] as const
  onCleanup(async () => {
    await Promise.all(brokers.map((broker) => broker.stop()))
    await Promise.all([modern.stop(), sessions.stop()])
  })
  await until(async () => new Set((await db.mcpTool.findMany()).map(({ serverId }) => serverId)).size === 2)
  return { brokers, modern, broker: brokers[0] }
})

type World = { brokers: readonly [TestBroker, TestBroker] }

async function grantedAgent(db: Db, world: World, names: readonly string[] = ['tasks', 'elicitation/create']) {
  const agent = await makeAgent(db)
  const { agentId } = agent
  const tools = await makeGrant(db, { agentId, serverId: 'modern', class: 'write' })
  await makeGrant(db, { agentId, serverId: 'sessions', class: 'write' })
  for (const name of names) await makeGrant(db, { agentId, serverId: 'modern', toolName: methodPrefix + name })
  for (const { broker } of world.brokers) await broker.keeper.refresh()
  return { agent, tools }
}

async function connect(db: Db, at: TestBroker, agent: TestAgent, answer: (asked: unknown) => object = () => ({})) {
  const token = await sessionToken(db, at.url, agent)
  await at.broker.keeper.refresh()
  const client = new Client({ name: 'task-client', version: '1' }, { capabilities: { elicitation: { form: {} } } })
  client.setRequestHandler(ElicitRequestSchema, ({ params }) => answer(params) as never)
  const requestInit = { headers: { authorization: `Bearer ${token}` } }
  await client.connect(new StreamableHTTPClientTransport(new URL(`${at.url}/mcp/modern`), { requestInit }))
  const { tools } = await client.listTools()
  return { client, tasks: client.experimental.tasks, tools }
}

type Connected = Awaited<ReturnType<typeof connect>>

async function begin({ client }: Connected, name: string, args: Record<string, unknown> = {}) {
  const params = { name, arguments: args, task: { ttl: 60_000 } }
  return (await client.request({ method: 'tools/call', params }, CreateTaskResultSchema)).task
}

const failureOf = async (answer: Promise<unknown>) => {
  const error = (await answer.then(
    () => null,
    (thrown: unknown) => thrown,
  )) as { code?: number; message?: string; data?: { rule?: string } } | null
  return { code: error?.code, message: error?.message, rule: error?.data?.rule }
}

describe('an agent with a session at a server of 2026-07-28', () => {
  test('begins a task, looks at it, waits for its result at any replica, and each step is on record', async ({
    db,
    world,
  }) => {
    const { agent } = await grantedAgent(db, world)
    const connected = await connect(db, world.brokers[0], agent)
    expect(connected.client.getServerCapabilities()?.tasks).toEqual({
      list: {},
      cancel: {},
      requests: { tools: { call: {} } },
    })
    expect(connected.tools.find(({ name }) => name === 'slow_compute')).toMatchObject({
      execution: { taskSupport: 'optional' },
    })
    const task = await begin(connected, 'slow_compute', { seconds: 0.3, label: 'x' })
    expect(task).toMatchObject({ status: 'working' })
    expect(task).toHaveProperty('ttl')
    expect(await connected.tasks.getTask(task.taskId)).toMatchObject({ taskId: task.taskId })
    const other = await connect(db, world.brokers[1], agent)
    for (const { tasks } of [other, connected]) {
      expect(await tasks.getTaskResult(task.taskId, CallToolResultSchema)).toMatchObject({
        content: [{ text: 'computed x in 0.3 s' }],
        _meta: { 'io.modelcontextprotocol/related-task': { taskId: task.taskId } },
      })
    }
    expect(await connected.tasks.getTask(task.taskId)).toMatchObject({ status: 'completed' })
    const where = { agentId: agent.agentId, event: 'mcp.call_allowed' }
    const rows = await db.auditEvent.findMany({ where, orderBy: { seq: 'asc' } })
    const begun = rows.findLast(({ tool }) => tool === 'slow_compute')!
    expect(begun.detail).toMatchObject({ outcome: 'task', task: { status: 'working' } })
    const { id } = (begun.detail as { task: { id: string } }).task
    expect(rows.findLast(({ tool }) => tool === 'tasks/result')!.detail).toMatchObject({ outcome: 'ok', task: { id } })
    // Nothing of the server's own id, nor of its way to say things, is seen.
    expect(world.modern.tasks.all().map((each) => each.id)).not.toContain(task.taskId)
  })

  test('is asked for nothing that no agent is asked for, whatever the task asks', async ({ db, world }) => {
    const { agent } = await grantedAgent(db, world)
    const connected = await connect(db, world.brokers[0], agent)
    const task = await begin(connected, 'confirm_delete', { filename: 'a.txt' })
    const { tasks } = world.modern
    tasks.says = (said) => ({ ...said, inputRequests: { odd: { method: 'files/send', params: {} } } })
    onTestFinished(() => void (tasks.says = (said) => said))
    const failure = await failureOf(connected.tasks.getTaskResult(task.taskId, CallToolResultSchema))
    expect(failure).toMatchObject({ rule: 'method_not_brokered' })
    expect(JSON.stringify(failure)).not.toContain('files/send')
    const where = { agentId: agent.agentId, tool: 'files/send' }
    expect(await db.auditEvent.count({ where })).toBe(0)
    const metrics = await (await fetch(`${world.broker.url}/metrics`)).text()
    expect(metrics).not.toContain('files/send')
  })

  test('is asked what the task asks, over the wait for its result', async ({ db, world }) => {
    const { agent } = await grantedAgent(db, world)
    const asked: unknown[] = []
    const connected = await connect(db, world.brokers[0], agent, (params) => {
      asked.push(params)
      return { action: 'accept', content: { confirm: true } }
    })
    const task = await begin(connected, 'confirm_delete', { filename: 'a.txt' })
    const { content } = await connected.tasks.getTaskResult(task.taskId, CallToolResultSchema)
    expect(JSON.stringify(content)).toContain('accept')
    expect(asked).toMatchObject([
      { message: 'Delete a.txt?', _meta: { 'io.modelcontextprotocol/related-task': { taskId: task.taskId } } },
    ])
    const both = await begin(connected, 'multi_input')
    await connected.tasks.getTaskResult(both.taskId, CallToolResultSchema)
    expect(asked).toHaveLength(3)
    // One that was asked before it became a task is told the same way.
    const later = await begin(connected, 'test_tool_with_task')
    await connected.tasks.getTaskResult(later.taskId, CallToolResultSchema)
    expect(asked).toHaveLength(4)
  })

  test('what the agent may not be asked ends the wait by its rule', async ({ db, world }) => {
    const { agent } = await grantedAgent(db, world, ['tasks'])
    const connected = await connect(db, world.brokers[0], agent)
    const task = await begin(connected, 'confirm_delete', { filename: 'a.txt' })
    const wait = failureOf(connected.tasks.getTaskResult(task.taskId, CallToolResultSchema))
    expect((await wait).rule).toBe('grant_missing')
  })

  test.for(['server', 'agent'] as const)(
    'what is asked of the server while it waits counts at the rate of the %s, waits there, and is one record',
    async (limited, { db, world }) => {
      const { agent } = await grantedAgent(db, world)
      const connected = await connect(db, world.brokers[0], agent)
      const task = await begin(connected, 'slow_compute', { seconds: 4 })
      const asked = () => world.modern.received.filter((method) => method === 'tasks/get').length
      const before = asked()
      const rate = { data: { callsPerSecond: 1 } }
      const free = { data: { callsPerSecond: null } }
      if (limited === 'server') await db.mcpServer.update({ where: { id: 'modern' }, ...rate })
      else await db.agent.update({ where: { id: agent.agentId }, ...rate })
      await world.broker.broker.keeper.refresh()
      const startedAt = performance.now()
      const { content } = await connected.tasks.getTaskResult(task.taskId, CallToolResultSchema)
      const seconds = (performance.now() - startedAt) / 1000
      if (limited === 'server') await db.mcpServer.update({ where: { id: 'modern' }, ...free })
      else await db.agent.update({ where: { id: agent.agentId }, ...free })
      await world.broker.broker.keeper.refresh()
      expect(JSON.stringify(content)).toContain('computed')
      const requests = asked() - before
      // The server wants to be asked every 100 ms; four seconds' worth go at once.
      expect(requests).toBeGreaterThan(0)
      expect(requests).toBeLessThanOrEqual(4 + seconds + 1)
      const where = { agentId: agent.agentId, tool: 'tasks/result' }
      const rows = await db.auditEvent.findMany({ where })
      expect(rows.map(({ event, detail }) => [event, (detail as { task: object }).task])).toEqual([
        ['mcp.call_allowed', expect.objectContaining({ requests })],
      ])
    },
  )

  test('an agent waits for so many results at once, and no more', async ({ db, databaseUrl, world }) => {
    const { agent } = await grantedAgent(db, world)
    const limits = { agentStreamsMax: 2 }
    const few = await startBroker({ db, databaseUrl, port: await freePort(), portalUrl, encryptionKey, limits })
    onTestFinished(() => few.stop())
    const connected = await connect(db, few, agent)
    const tasks = [1, 2, 3].map(() => begin(connected, 'slow_compute', { seconds: 2 }))
    const results = (await Promise.all(tasks)).map(({ taskId }) =>
      failureOf(connected.tasks.getTaskResult(taskId, CallToolResultSchema)),
    )
    const rules = (await Promise.all(results)).map(({ rule }) => rule ?? 'none')
    expect(rules.toSorted()).toEqual(['calls_at_once', 'none', 'none'])
  })

  test('an error of the task is the error of the wait, and a failed job its result', async ({ db, world }) => {
    const { agent } = await grantedAgent(db, world)
    const connected = await connect(db, world.brokers[0], agent)
    const broken = await begin(connected, 'protocol_error_job')
    const failure = await failureOf(connected.tasks.getTaskResult(broken.taskId, CallToolResultSchema))
    expect(failure.message).toContain('The server broke down.')
    const failing = await begin(connected, 'failing_job')
    const result = await connected.tasks.getTaskResult(failing.taskId, CallToolResultSchema)
    expect(result).toMatchObject({ isError: true })
  })

  test('cancels a task at its server once, and hears that it is over', async ({ db, world }) => {
    const { agent } = await grantedAgent(db, world)
    const connected = await connect(db, world.brokers[0], agent)
    const task = await begin(connected, 'slow_compute', { seconds: 60 })
    expect(await connected.tasks.cancelTask(task.taskId)).toMatchObject({ taskId: task.taskId, status: 'cancelled' })
    expect((await failureOf(connected.tasks.cancelTask(task.taskId))).code).toBe(-32602)
    const wait = failureOf(connected.tasks.getTaskResult(task.taskId, CallToolResultSchema))
    expect((await wait).message).toContain('was cancelled')
  })

  test('a wait ends when the grant does, and nobody else has the task', async ({ db, world }) => {
    const { agent, tools } = await grantedAgent(db, world)
    const connected = await connect(db, world.brokers[0], agent)
    const task = await begin(connected, 'slow_compute', { seconds: 60 })
    const other = await connect(db, world.brokers[0], (await grantedAgent(db, world)).agent)
    expect((await failureOf(other.tasks.getTask(task.taskId))).rule).toBe('task_not_yours')
    // Its server has no list: what is shown is what this agent has begun.
    expect((await connected.tasks.listTasks()).tasks).toMatchObject([{ taskId: task.taskId, status: 'working' }])
    expect((await other.tasks.listTasks()).tasks).toEqual([])
    const waiting = failureOf(connected.tasks.getTaskResult(task.taskId, CallToolResultSchema))
    const metrics = async () => (await fetch(`${world.brokers[0].url}/metrics`)).text()
    await until(async () => /wheelhouse_broker_calls_in_flight [1-9]/.test(await metrics()))
    await db.grant.update({ where: { id: tools }, data: { revokedAt: new Date() } })
    expect((await waiting).rule).toBe('grant_missing')
  })

  test('without the grant of tasks a call stays a call', async ({ db, world }) => {
    const { agent } = await grantedAgent(db, world, [])
    const { client, tools } = await connect(db, world.brokers[0], agent)
    expect(client.getServerCapabilities()?.tasks).toBeUndefined()
    expect(tools.every(({ execution }) => execution?.taskSupport !== 'optional')).toBe(true)
    const params = { name: 'slow_compute', arguments: { seconds: 0 }, task: { ttl: 60_000 } }
    const called = await client.request({ method: 'tools/call', params }, CallToolResultSchema)
    expect(called.content).toHaveLength(1)
  })
})

test('a tool that is only a task of 2025-11-25 is not listed for an agent of 2026-07-28 without tasks, and refused by what is missing', async ({
  db,
  world,
}) => {
  const { agent } = await grantedAgent(db, world)
  const known = await db.mcpTool.findUniqueOrThrow({
    where: { serverId_name: { serverId: 'sessions', name: 'confirm' } },
    select: { definition: true },
  })
  expect(known.definition).toMatchObject({ execution: { taskSupport: 'required' } })
  const client = await agentSession(db, world, { agent, serverId: 'sessions', era: 'modern' })
  const names = (await client.listTools()).tools.map(({ name }) => name)
  expect(names).toContain('compute')
  expect(names).not.toContain('confirm')
  const refused = await client.callTool({ name: 'confirm', arguments: {} })
  expect(refused).toMatchObject({ isError: true, _meta: { 'wheelhouse/denial': { rule: 'grant_missing' } } })
  expect(await lastEvent(db, agent.agentId)).toMatchObject({ event: 'mcp.call_denied', rule: 'grant_missing' })
  const session = await agentSession(db, world, { agent, serverId: 'sessions', era: 'legacy' })
  expect((await session.listTools()).tools.map(({ name }) => name)).toContain('confirm')
})
