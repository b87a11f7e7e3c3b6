import { resultFromTaskOutcome } from '@modelcontextprotocol/ext-tasks/client'
import { expect } from 'vitest'
import type { Db } from '#lib/db/client.ts'
import { encryptionKey, makeAgent, portalUrl, sessionToken, type TestAgent } from '#lib/dev/test/broker.ts'
import { startBrokerProcess } from '#lib/dev/test/broker-process.ts'
import { lastEvent, type RpcBody, until } from '#lib/dev/test/broker-world.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { makeGrant } from '#lib/dev/test/registry.ts'
import { makeStdioServer } from '#lib/dev/test/stdio-servers.ts'
import { startSessionTaskServer } from '#lib/dev/test/session-task-server.ts'
import { connectTaskClient, type RpcNotice } from '#lib/dev/test/task-client.ts'
import { freePort } from '#lib/dev/ports.ts'
import { methodPrefix } from '#lib/registry/schema.ts'
import { startBroker, type TestBroker } from '../testing/start-broker.ts'

// An agent of 2026-07-28, with the library of its extension, at a server of 2025-11-25 that knows a task in the session it was begun in only.

const test = dbTest.extend('world', { scope: 'file' }, async ({ db, databaseUrl }, { onCleanup }) => {
  const server = await startSessionTaskServer({ bound: true })
  const about = { description: '', environment: 'staging', sensitivity: 'internal', demo: true } as const
  await db.mcpServer.create({ data: { id: 'sessions', name: 'Sessions', url: server.url, ...about } })
  const start = async () => startBroker({ db, databaseUrl, port: await freePort(), portalUrl, encryptionKey })
  const brokers = [await start(), await start()] as const
  onCleanup(async () => {
    await Promise.all(brokers.map((broker) => broker.stop()))
    await server.stop()
  })
  // Both have spoken to it, and know by that which tasks it has.
  for (const { broker } of brokers) {
    await until(() => broker.keeper.view.servers.has('sessions'))
    await broker.discovery.discover(broker.keeper.view.servers.get('sessions')!)
    await until(() => broker.keeper.view.servers.get('sessions')!.tools.size > 0)
  }
  return { brokers, server }
})

type World = { brokers: readonly [TestBroker, TestBroker] }
const addresses = ['/mcp/sessions', '/mcp'] as const
const named = (path: string, tool: string) => (path === '/mcp' ? `sessions__${tool}` : tool)

async function grantedAgent(db: Db, world: World, names: readonly string[] = ['tasks', 'elicitation/create']) {
  const agent = await makeAgent(db)
  const { agentId } = agent
  const grants = { tools: await makeGrant(db, { agentId, serverId: 'sessions', class: 'write' }) }
  for (const name of names) await makeGrant(db, { agentId, serverId: 'sessions', toolName: methodPrefix + name })
  for (const { broker } of world.brokers) await broker.keeper.refresh()
  return { agent, grants }
}

async function connect(db: Db, url: string, agent: TestAgent, path: string, answer?: () => object) {
  const token = await sessionToken(db, url, agent)
  return connectTaskClient({ url: url + path, token, ...(answer ? { answer: answer as never } : {}) })
}

const ruleOf = ({ error }: RpcBody) => [error?.code, error?.data?.['rule']]
const accept = () => ({ action: 'accept', content: { yes: true } })
const textOf = (task: Record<string, unknown>) =>
  (task['result'] as { content?: { text?: string }[] } | undefined)?.content?.[0]?.text

test.for(addresses)('a call goes on as a task, and every replica has it (%s)', async (path, { db, world }) => {
  const { agent } = await grantedAgent(db, world)
  const here = await connect(db, world.brokers[0].url, agent, path)
  const there = await connect(db, world.brokers[1].url, agent, path)
  expect(here.client.getServerCapabilities()?.extensions).toEqual({ 'io.modelcontextprotocol/tasks': {} })
  const execution = await here.session.callTool(named(path, 'compute'), { ms: 100, say: 'computed' })
  const { outcome } = await execution.settle()
  expect(resultFromTaskOutcome(outcome)).toMatchObject({ content: [{ text: 'computed' }] })
  const { taskId } = execution.handle!
  const { result } = await there.ask('tasks/get', { taskId })
  expect(result).toMatchObject({ resultType: 'complete', taskId, status: 'completed', pollIntervalMs: 50 })
  // The server's own name of it is nowhere.
  const [own] = world.server.began.slice(-1)
  expect(JSON.stringify(result)).not.toContain(own)
  const where = { agentId: agent.agentId, event: 'mcp.call_allowed' }
  const rows = await db.auditEvent.findMany({ where, orderBy: { seq: 'asc' } })
  const about = rows.map(({ tool, detail }) => ({ tool, detail: detail as { outcome: string; task?: { id: string } } }))
  const begun = about.find(({ tool }) => tool === 'compute')!
  expect(begun.detail).toMatchObject({ outcome: 'task', task: { tool: 'compute', status: 'working' } })
  expect(about.at(-1)).toMatchObject({
    tool: 'tasks/get',
    detail: { outcome: 'ok', task: begun.detail.task!.id ? { id: begun.detail.task!.id } : {} },
  })
  const other = await connect(db, world.brokers[0].url, (await grantedAgent(db, world)).agent, path)
  expect(ruleOf(await other.ask('tasks/get', { taskId }))).toEqual([-32602, 'task_not_yours'])
})

test.for(addresses)(
  'what a task asks is shown at any replica and answered at any, once (%s)',
  async (path, { db, world }) => {
    const { agent } = await grantedAgent(db, world)
    const here = await connect(db, world.brokers[0].url, agent, path, accept)
    const there = await connect(db, world.brokers[1].url, agent, path)
    const execution = await here.session.callTool(named(path, 'confirm'), {})
    const { outcome } = await execution.settle()
    expect(JSON.stringify(resultFromTaskOutcome(outcome))).toContain('accept')

    const { taskId } = await here.begin(named(path, 'confirm'))
    const asked: Record<string, unknown>[] = []
    for (const at of [here, there]) {
      await until(async () => {
        const { result } = await at.ask('tasks/get', { taskId })
        const requests = (result?.['inputRequests'] ?? {}) as Record<string, unknown>
        if (Object.keys(requests).length > 0) asked.push(requests)
        return Object.keys(requests).length > 0
      })
    }
    expect(asked[0]).toEqual(asked[1])
    const [key] = Object.keys(asked[0]!)
    expect(asked[0]![key!]).toMatchObject({ method: 'elicitation/create', params: { message: 'Really?' } })
    const inputResponses = { unknown: accept(), [key!]: { action: 'decline' } }
    expect((await there.ask('tasks/update', { taskId, inputResponses })).result).toMatchObject({
      resultType: 'complete',
    })
    await here.ask('tasks/update', { taskId, inputResponses: { [key!]: accept() } })
    expect(textOf(await here.settled(taskId))).toContain('decline')
    const questions = await db.auditEvent.findMany({ where: { agentId: agent.agentId, tool: 'elicitation/create' } })
    expect(questions.length).toBeGreaterThan(1)
  },
)

const told = (heard: RpcNotice[]) => heard.filter(({ method }) => method === 'notifications/tasks')
const lastStatus = (heard: RpcNotice[]) => told(heard).at(-1)?.params['status']

test.for(addresses)(
  'whoever listens for a task is told how it is, once on record for each change, and it is looked at once (%s)',
  async (path, { db, world }) => {
    const { agent } = await grantedAgent(db, world)
    const here = await connect(db, world.brokers[0].url, agent, path)
    const { taskId } = await here.begin(named(path, 'confirm'))
    const heard: [RpcNotice[], RpcNotice[]] = [[], []]
    const stops = heard.map((each) => here.listen([taskId], (message) => each.push(message)))
    await until(() => heard.every((each) => lastStatus(each) === 'input_required'))
    expect(heard[0][0]!.params).toMatchObject({ notifications: { taskIds: [taskId] } })
    expect(world.brokers[0].broker.conversations.taskWatches.size).toBe(1)
    const asks = told(heard[0]).at(-1)!.params['inputRequests'] as Record<string, unknown>
    const inputResponses = { [Object.keys(asks)[0]!]: accept() }
    await here.ask('tasks/update', { taskId, inputResponses })
    await until(() => heard.every((each) => lastStatus(each) === 'completed'))
    for (const each of heard) expect(textOf(told(each).at(-1)!.params)).toContain('accept')
    // Of a task that is over there is no more to tell.
    await until(() => world.brokers[0].broker.conversations.taskWatches.size === 0)
    for (const stop of stops) stop()
    const [own] = world.server.began.slice(-1)
    expect(JSON.stringify(heard)).not.toContain(own)
    const where = { agentId: agent.agentId, event: 'mcp.call_allowed', tool: 'notifications/tasks' }
    const recorded = () => db.auditEvent.findMany({ where, orderBy: { seq: 'asc' } })
    await until(async () => (await recorded()).length === told(heard[0]).length + told(heard[1]).length)
    const rows = await recorded()
    expect(rows.at(-1)!.detail).toMatchObject({ task: { tool: 'confirm', status: 'completed' } })
  },
)

test.for([
  ['/mcp/sessions', 'file:///done'],
  ['/mcp', 'wheelhouse:sessions:file:///done'],
] as const)('word of a task is in the words of the address (%s)', async ([path, uri], { db, world }) => {
  const { agent } = await grantedAgent(db, world)
  const here = await connect(db, world.brokers[0].url, agent, path)
  const { taskId } = await here.begin(named(path, 'compute'), { ms: 0, say: 'link' })
  const heard: RpcNotice[] = []
  const stop = here.listen([taskId], (message) => heard.push(message))
  await until(() => lastStatus(heard) === 'completed')
  stop()
  expect(told(heard).at(-1)!.params['result']).toMatchObject({ content: [{ type: 'resource_link', uri }] })
})

test('listening for a task ends with the grant, and nobody looks at it any more', async ({ db, world }) => {
  const { agent, grants } = await grantedAgent(db, world)
  const here = await connect(db, world.brokers[0].url, agent, '/mcp/sessions')
  const { taskId } = await here.begin('compute', { ms: 60_000, say: '' })
  const heard: RpcNotice[] = []
  here.listen([taskId], (message) => heard.push(message))
  await until(() => lastStatus(heard) === 'working')
  await db.grant.update({ where: { id: grants.tools }, data: { revokedAt: new Date() } })
  const { taskWatches } = world.brokers[0].broker.conversations
  await until(() => taskWatches.size === 0)
  expect(told(heard)).toHaveLength(1)
})

test('a task that is somebody else’s is not looked at for whoever listens for it', async ({ db, world }) => {
  const here = await connect(db, world.brokers[0].url, (await grantedAgent(db, world)).agent, '/mcp/sessions')
  const { taskId } = await here.begin('compute', { ms: 60_000, say: '' })
  const { agent } = await grantedAgent(db, world)
  const other = await connect(db, world.brokers[0].url, agent, '/mcp/sessions')
  const heard: RpcNotice[] = []
  other.listen([taskId], (message) => heard.push(message))
  await until(() => heard.length > 0)
  expect(heard[0]!.params).toMatchObject({ notifications: {} })
  expect(world.brokers[0].broker.conversations.taskWatches.size).toBe(0)
  expect(await lastEvent(db, agent.agentId, 'mcp.call_denied')).toMatchObject({ rule: 'task_not_yours' })
})

test('what its agent may not be asked the server hears, and goes on', async ({ db, world }) => {
  const { agent } = await grantedAgent(db, world, ['tasks'])
  const { begin, settled } = await connect(db, world.brokers[0].url, agent, '/mcp/sessions')
  const { taskId } = await begin('confirm')
  const end = await settled(taskId)
  expect(end).toMatchObject({ status: 'completed', result: { isError: true } })
})

test('a task is cancelled at its server, and its session there ends', async ({ db, world }) => {
  const { agent } = await grantedAgent(db, world)
  const here = await connect(db, world.brokers[0].url, agent, '/mcp/sessions')
  const there = await connect(db, world.brokers[1].url, agent, '/mcp/sessions')
  const before = new Set(world.server.sessionIds())
  const { taskId } = await here.begin('compute', { ms: 60_000, say: '' })
  const [own, ...others] = world.server.sessionIds().filter((id) => !before.has(id))
  expect([own, others]).toEqual([expect.any(String), []])
  expect((await there.ask('tasks/cancel', { taskId })).result).toMatchObject({ resultType: 'complete' })
  expect(await here.settled(taskId)).toMatchObject({ status: 'cancelled' })
  const where = { agentId: agent.agentId }
  await until(async () => (await db.brokeredTask.findFirst({ where }))?.overAt !== null)
  await db.brokeredTask.updateMany({ where, data: { overAt: new Date(Date.now() - 3_600_000) } })
  await until(() => !world.server.sessionIds().includes(own!))
  expect(ruleOf(await here.ask('tasks/get', { taskId }))).toEqual([-32602, 'task_unknown'])
})

test('the sessions of tasks end each for itself, whatever keeps one of them from it', async ({ db, world }) => {
  // No sandbox service runs programs here.
  await makeStdioServer(db, { id: 'program', args: [] })
  for (const { broker } of world.brokers) await broker.keeper.refresh()
  const { agent } = await grantedAgent(db, world)
  const { begin, ask } = await connect(db, world.brokers[0].url, agent, '/mcp/sessions')
  const before = new Set(world.server.sessionIds())
  for (let count = 0; count < 6; count += 1) {
    const { taskId } = await begin('compute', { ms: 60_000, say: '' })
    await ask('tasks/cancel', { taskId })
  }
  const left = (): string[] => world.server.sessionIds().filter((id) => !before.has(id))
  expect(left()).toHaveLength(6)
  const where = { agentId: agent.agentId }
  await until(async () => (await db.brokeredTask.count({ where: { ...where, overAt: { not: null } } })) === 6)
  const [unsealed, moved] = await db.brokeredTask.findMany({ where })
  // Sealed with a key that is gone.
  await db.brokeredTask.update({ where: { key: unsealed!.key }, data: { session: Buffer.from('nothing') } })
  await db.brokeredTask.update({ where: { key: moved!.key }, data: { serverId: 'program' } })
  await db.brokeredTask.updateMany({ where, data: { overAt: new Date(Date.now() - 3_600_000) } })
  await until(() => left().length === 2)
})

test('whoever may not call the tool any more does not get its result, and it is cancelled', async ({ db, world }) => {
  const { agent, grants } = await grantedAgent(db, world)
  const { begin, ask } = await connect(db, world.brokers[0].url, agent, '/mcp/sessions')
  const { taskId } = await begin('compute', { ms: 60_000, say: '' })
  await db.grant.update({ where: { id: grants.tools }, data: { revokedAt: new Date() } })
  for (const { broker } of world.brokers) await broker.keeper.refresh()
  expect(ruleOf(await ask('tasks/get', { taskId }))).toEqual([-32010, 'grant_missing'])
  const { agentId } = agent
  await until(async () => (await db.brokeredTask.findFirst({ where: { agentId } }))?.cancelOutcome === 'cancelled')
  expect(await lastEvent(db, agentId, 'mcp.call_denied')).toMatchObject({ tool: 'tasks/get', rule: 'grant_missing' })
})

test('a result passes the guards of a result', async ({ db, world }) => {
  const { agent } = await grantedAgent(db, world)
  const { begin, settled } = await connect(db, world.brokers[0].url, agent, '/mcp/sessions')
  const { taskId } = await begin('compute', { ms: 0, say: `the key is ghp_${'a1B2'.repeat(9)}` })
  expect(textOf(await settled(taskId))).toBe('the key is [masked: github_token]')
})

test.for(addresses)(
  'without the grant, or a client that takes tasks, a tool that is only a task is not listed, and refused (%s)',
  async (path, { db, world }) => {
    const { agent } = await grantedAgent(db, world, [])
    const { ask, client } = await connect(db, world.brokers[0].url, agent, path)
    const names = (await client.listTools()).tools.map(({ name }) => name)
    expect(names).toEqual([named(path, 'compute')])
    const call = { name: named(path, 'confirm'), arguments: {} }
    const refused = await ask('tools/call', call)
    expect(refused.result?.['_meta']).toMatchObject({ 'wheelhouse/denial': { rule: 'grant_missing' } })
    // What may be one is a call like any other.
    const plain = await ask('tools/call', { name: named(path, 'compute'), arguments: { ms: 0, say: 'at once' } })
    expect(plain.result).toMatchObject({ resultType: 'complete', content: [{ text: 'at once' }] })
    const granted = await connect(db, world.brokers[0].url, (await grantedAgent(db, world)).agent, path)
    const _meta = {
      'io.modelcontextprotocol/protocolVersion': '2026-07-28',
      'io.modelcontextprotocol/clientCapabilities': {},
    }
    expect((await granted.ask('tools/call', { ...call, _meta })).error?.code).toBe(-32021)
  },
)

test('the replica that began a task and heard what it asks may be killed', async ({ db, databaseUrl, world }) => {
  const { agent } = await grantedAgent(db, world)
  const killed = await startBrokerProcess({ databaseUrl })
  let begun: { taskId: string } | undefined
  const first = await connect(db, killed.url, agent, '/mcp/sessions')
  // It begins tasks as soon as it has spoken to the server.
  await until(async () => {
    begun = await first.begin('confirm').catch(() => undefined)
    return begun !== undefined
  })
  const { taskId } = begun!
  let key: string | undefined
  await until(async () => {
    const { result } = await first.ask('tasks/get', { taskId })
    key = Object.keys(result?.['inputRequests'] ?? {})[0]
    return key !== undefined
  })
  await killed.kill()
  const there = await connect(db, world.brokers[1].url, agent, '/mcp/sessions')
  const { result } = await there.ask('tasks/get', { taskId })
  expect(Object.keys(result?.['inputRequests'] ?? {})).toEqual([key])
  await there.ask('tasks/update', { taskId, inputResponses: { [key!]: accept() } })
  expect(textOf(await there.settled(taskId))).toContain('accept')
})
