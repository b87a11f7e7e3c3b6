import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import { CreateTaskResultSchema } from '@modelcontextprotocol/sdk/types.js'
import { describe, expect } from 'vitest'
import type { Db } from '#lib/db/client.ts'
import { encryptionKey, makeAgent, portalUrl, sessionToken, type TestAgent } from '#lib/dev/test/broker.ts'
import { until } from '#lib/dev/test/broker-world.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { enforcePolicies } from '#lib/dev/test/policy-sets.ts'
import { makeGrant } from '#lib/dev/test/registry.ts'
import { startSessionTaskServer } from '#lib/dev/test/session-task-server.ts'
import { connectTaskClient } from '#lib/dev/test/task-client.ts'
import { freePort } from '#lib/dev/ports.ts'
import { methodPrefix } from '#lib/registry/schema.ts'
import { startFixture } from '../testing/fixture/server.ts'
import { startBroker, type TestBroker } from '../testing/start-broker.ts'

// Whoever stops an agent stops what it has begun at servers.

let ahead = 0
const now = () => new Date(Date.now() + ahead)

/** Two brokers in front of a server of each era that has tasks. */
const test = dbTest.extend('world', { scope: 'file' }, async ({ db, databaseUrl }, { onCleanup }) => {
  const modern = await startFixture({ only: 'modern' })
  const sessions = await startSessionTaskServer()
  const about = { description: '', environment: 'staging', sensitivity: 'internal', demo: true } as const
  await db.mcpServer.create({ data: { id: 'modern', name: 'Modern', url: modern.url, ...about } })
  await db.mcpServer.create({ data: { id: 'sessions', name: 'Sessions', url: sessions.url, ...about } })
  const start = async () =>
    startBroker({
      db,
      databaseUrl,
      port: await freePort(),
      portalUrl,
      encryptionKey,
      now,
      limits: { taskProofMs: 3000 },
    })
  const brokers = [await start(), await start()] as const
  onCleanup(async () => {
    await Promise.all(brokers.map((broker) => broker.stop()))
    await Promise.all([modern.stop(), sessions.stop()])
  })
  await until(async () => new Set((await db.mcpTool.findMany()).map(({ serverId }) => serverId)).size === 2)
  return { brokers, modern, sessions }
})

type World = { brokers: readonly [TestBroker, TestBroker] }

async function refresh({ brokers }: World): Promise<void> {
  await Promise.all(brokers.map(({ broker }) => broker.keeper.refresh()))
}

async function grantedAgent(db: Db, world: World) {
  const agent = await makeAgent(db)
  const { agentId } = agent
  for (const serverId of ['modern', 'sessions']) {
    await makeGrant(db, { agentId, serverId, class: 'write' })
    await makeGrant(db, { agentId, serverId, toolName: `${methodPrefix}tasks` })
  }
  await refresh(world)
  return agent
}

async function beginTask(db: Db, world: World, agent: TestAgent, seconds = 60) {
  const [{ url, broker }] = world.brokers
  await broker.keeper.refresh()
  const token = await sessionToken(db, url, agent)
  await broker.keeper.refresh()
  const client = await connectTaskClient({ url: `${url}/mcp/modern`, token })
  return { ...client, ...(await client.begin('slow_compute', { seconds })) }
}

const ends = (db: Db, { agentId }: TestAgent) =>
  db.auditEvent.findMany({ where: { agentId, event: 'mcp.task_ended' }, orderBy: { seq: 'asc' } })

const statuses = (world: { modern: Awaited<ReturnType<typeof startFixture>> }) =>
  world.modern.tasks.all().map((task) => task.handle['status'])

async function order(db: Db, scope: 'agent' | 'tool', targetId: string): Promise<string> {
  const data = { scope, targetId, reason: 'a test', orderedByName: 'Ada' }
  return (await db.stopOrder.create({ data })).id
}

describe('a task is cancelled at its server, once, and on record', () => {
  const causes: Record<string, (db: Db, agent: TestAgent) => Promise<unknown>> = {
    killed: (db, { agentId }) => order(db, 'agent', agentId),
    agent_not_active: (db, { agentId }) => db.agent.update({ where: { id: agentId }, data: { status: 'suspended' } }),
    grant_missing: (db, { agentId }) => db.grant.updateMany({ where: { agentId }, data: { revokedAt: new Date() } }),
    run_not_open: (db, { runId }) => db.run.update({ where: { id: runId }, data: { state: 'stopped' } }),
  }
  test.for(Object.keys(causes))('when the agent may not go on: %s', async (rule, { db, world }) => {
    const agent = await grantedAgent(db, world)
    const { taskId } = await beginTask(db, world, agent)
    expect(statuses(world).at(-1)).toBe('working')
    await causes[rule]!(db, agent)
    await refresh(world)
    await until(async () => (await ends(db, agent)).length > 0)
    expect(statuses(world).at(-1)).toBe('cancelled')
    await refresh(world)
    await refresh(world)
    const [ended, ...more] = await ends(db, agent)
    expect(more).toEqual([])
    expect(ended).toMatchObject({
      rule,
      actorKind: 'system',
      serverId: 'modern',
      tool: 'slow_compute',
      runId: agent.runId,
    })
    expect(ended!.detail).toMatchObject({ outcome: 'cancelled', status: 'cancelled', tries: 1 })
    expect(JSON.stringify(ended!.detail)).not.toContain(taskId)
    await db.stopOrder.updateMany({ where: {}, data: { releasedAt: new Date() } })
  })

  test('also one of 2025-11-25, in its own session', async ({ db, world }) => {
    const agent = await grantedAgent(db, world)
    const [{ url }] = world.brokers
    const token = await sessionToken(db, url, agent)
    await refresh(world)
    const client = new Client({ name: 'task-client', version: '1' })
    const requestInit = { headers: { authorization: `Bearer ${token}` } }
    await client.connect(new StreamableHTTPClientTransport(new URL(`${url}/mcp/sessions`), { requestInit }))
    await client.listTools()
    const params = { name: 'compute', arguments: { ms: 60_000, say: 'done' }, task: { ttl: 60_000 } }
    await client.request({ method: 'tools/call', params }, CreateTaskResultSchema)
    const at = world.sessions.sessions()
    await order(db, 'tool', 'sessions/compute')
    await refresh(world)
    await until(async () => (await ends(db, agent)).length > 0)
    const { tasks } = await world.sessions.store.listTasks()
    expect(tasks.at(-1)).toMatchObject({ status: 'cancelled' })
    expect((await ends(db, agent))[0]).toMatchObject({ rule: 'killed', serverId: 'sessions', tool: 'compute' })
    expect(world.sessions.sessions()).toBe(at)
    // What continues the session is as good as the session: it is kept sealed.
    const row = await db.brokeredTask.findFirstOrThrow({ where: { agentId: agent.agentId } })
    expect(Buffer.from(row.session!).toString('latin1')).not.toContain('"version"')
    await db.stopOrder.updateMany({ where: {}, data: { releasedAt: new Date() } })
  })
})

describe('what was begun goes on', () => {
  const causes: Record<string, (db: Db, agent: TestAgent) => Promise<unknown>> = {
    'when its run has come to its end': (db, { runId }) =>
      db.run.update({ where: { id: runId }, data: { state: 'succeeded' } }),
    'when another agent is stopped': (db) => order(db, 'agent', 'somebody-else'),
  }
  test.for(Object.keys(causes))('%s', async (cause, { db, world }) => {
    const agent = await grantedAgent(db, world)
    await beginTask(db, world, agent)
    await causes[cause]!(db, agent)
    await refresh(world)
    await refresh(world)
    const row = await db.brokeredTask.findFirstOrThrow({ where: { agentId: agent.agentId } })
    expect(row).toMatchObject({ cancelTries: 0, overAt: null })
    expect(statuses(world).at(-1)).toBe('working')
  })
})

test('a set of policies that cannot be read refuses calls, and cancels nothing', async ({ db, world }) => {
  const agent = await grantedAgent(db, world)
  await beginTask(db, world, agent)
  const view = () => world.brokers[0].broker.keeper.view
  const before = await db.policySet.findFirstOrThrow({ where: { state: 'enforced' } })
  await enforcePolicies(db, ['forbid (principal'])
  await refresh(world)
  expect(view().policies.problem).not.toBeNull()
  await refresh(world)
  const row = await db.brokeredTask.findFirstOrThrow({ where: { agentId: agent.agentId } })
  expect(row).toMatchObject({ cancelTries: 0, overAt: null })
  await db.policySet.updateMany({ where: { state: 'enforced' }, data: { state: 'superseded' } })
  await db.policySet.update({ where: { number: before.number }, data: { state: 'enforced' } })
  await refresh(world)
  expect(view().policies.problem).toBeNull()
})

test('a stop takes up what was given up for another reason, however many tasks of others there are', async ({
  db,
  world,
}) => {
  const agent = await grantedAgent(db, world)
  await beginTask(db, world, agent)
  const { agentId } = agent
  await db.brokeredTask.updateMany({
    where: { agentId },
    data: { cancelRule: 'grant_missing', cancelTries: 9, cancelledAt: now(), cancelOutcome: 'unconfirmed' },
  })
  const other = await grantedAgent(db, world)
  const expiresAt = new Date(now().getTime() + 60_000)
  const of = { agentId: other.agentId, agentVersion: 1, serverId: 'modern', tool: 'slow_compute', expiresAt }
  await db.brokeredTask.createMany({
    data: Array.from({ length: 1200 }, (_, at) => ({
      ...of,
      key: `00${String(at).padStart(6, '0')}`,
      taskId: `none-${at}`,
    })),
  })
  await order(db, 'agent', agentId)
  await until(async () => {
    await refresh(world)
    return (await ends(db, agent)).length > 0
  })
  expect((await ends(db, agent))[0]).toMatchObject({ rule: 'killed', detail: { outcome: 'cancelled', tries: 1 } })
  await db.brokeredTask.deleteMany({ where: { agentId: other.agentId } })
})

test('a task of which its agent was told that it is over is left alone', async ({ db, world }) => {
  const agent = await grantedAgent(db, world)
  const { settled, taskId } = await beginTask(db, world, agent, 0)
  await settled(taskId)
  const find = () => db.brokeredTask.findFirstOrThrow({ where: { agentId: agent.agentId } })
  await until(async () => (await find()).overAt !== null)
  await order(db, 'agent', agent.agentId)
  await refresh(world)
  await refresh(world)
  expect(await find()).toMatchObject({ cancelTries: 0 })
  expect(await ends(db, agent)).toEqual([])
})

test('one that was over before is said to have been', async ({ db, world }) => {
  const agent = await grantedAgent(db, world)
  await beginTask(db, world, agent, 0)
  await until(() => statuses(world).at(-1) === 'completed')
  await order(db, 'agent', agent.agentId)
  await refresh(world)
  await until(async () => (await ends(db, agent)).length > 0)
  expect((await ends(db, agent))[0]!.detail).toMatchObject({ outcome: 'over', status: 'completed' })
})

test('a server that does not heed a cancellation is named, and told again', async ({ db, world }) => {
  const agent = await grantedAgent(db, world)
  await beginTask(db, world, agent)
  world.modern.tasks.heeds = false
  await order(db, 'agent', agent.agentId)
  await refresh(world)
  await until(async () => (await ends(db, agent)).length === 1)
  const message = 'modern still says that it is working.'
  expect((await ends(db, agent))[0]!.detail).toMatchObject({ outcome: 'unconfirmed', tries: 1, message })
  await refresh(world)
  expect(await ends(db, agent)).toHaveLength(1)

  world.modern.tasks.heeds = true
  ahead += 16_000
  await refresh(world)
  await until(async () => (await ends(db, agent)).length === 2)
  expect((await ends(db, agent))[1]!.detail).toMatchObject({ outcome: 'cancelled', tries: 2 })
  const row = await db.brokeredTask.findFirstOrThrow({ where: { agentId: agent.agentId } })
  expect(row).toMatchObject({ cancelRule: 'killed', cancelOutcome: 'cancelled', cancelTries: 2 })
})

test('what a server says of a task is on record whatever it is written in, and of why it cancels none its code alone', async ({
  db,
  world,
}) => {
  const agent = await grantedAgent(db, world)
  const { tasks } = world.modern
  // No text of PostgreSQL's: a NUL, and half of a pair.
  const odd = 'odd\0\ud800'
  const kept = 'odd\uFFFD\uFFFD'
  tasks.says = (task) => ({ ...task, status: odd })
  await beginTask(db, world, agent)
  tasks.says = (task) => task
  const where = { agentId: agent.agentId, event: 'mcp.call_allowed', tool: 'slow_compute' }
  const { detail } = await db.auditEvent.findFirstOrThrow({ where })
  expect(detail).toMatchObject({ outcome: 'task', task: { status: kept } })
  const endOf = async (one: TestAgent) => {
    await order(db, 'agent', one.agentId)
    await refresh(world)
    await until(async () => (await ends(db, one)).length > 0)
    return (await ends(db, one))[0]!.detail
  }
  const secret = ['gh', 'p_', 'a1B2c3D4'.repeat(5)].join('')
  tasks.refusal = `${odd}: the token ${secret} is refused`
  const message = expect.stringMatching(/^modern answered with the error -?\d+\.$/) as string
  expect(await endOf(agent)).toMatchObject({ outcome: 'unconfirmed', message })
  tasks.refusal = null

  const other = await grantedAgent(db, world)
  await beginTask(db, world, other)
  tasks.heeds = false
  tasks.says = (task) => ({ ...task, status: secret })
  // Of a busy machine its last look may be too late.
  const unknown = /^(?:modern still says that it is what MCP does not know|Its server did not answer in time)\.$/
  expect(await endOf(other)).toMatchObject({
    outcome: 'unconfirmed',
    status: null,
    message: expect.stringMatching(unknown),
  })
  tasks.heeds = true
  tasks.says = (task) => task
})
