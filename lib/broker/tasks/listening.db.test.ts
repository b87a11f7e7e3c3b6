import { setTimeout } from 'node:timers/promises'
import { expect } from 'vitest'
import type { Db } from '#lib/db/client.ts'
import { encryptionKey, makeAgent, portalUrl, sessionToken } from '#lib/dev/test/broker.ts'
import { lastEvent, until } from '#lib/dev/test/broker-world.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { makeGrant } from '#lib/dev/test/registry.ts'
import { connectTaskClient, type RpcNotice } from '#lib/dev/test/task-client.ts'
import { freePort } from '#lib/dev/ports.ts'
import { methodPrefix } from '#lib/registry/schema.ts'
import { startFixture } from '../testing/fixture/server.ts'
import { RawAgent } from '../testing/raw-agent.ts'
import { startBroker, type TestBroker } from '../testing/start-broker.ts'

const test = dbTest.extend('world', { scope: 'file' }, async ({ db, databaseUrl }, { onCleanup }) => {
  const server = await startFixture({ only: 'modern' })
  const about = { description: '', environment: 'staging', sensitivity: 'internal', demo: true } as const
  await db.mcpServer.create({ data: { id: 'first', name: 'First', url: server.url, ...about } })
  const broker = await startBroker({ db, databaseUrl, port: await freePort(), portalUrl, encryptionKey })
  onCleanup(async () => {
    await broker.stop()
    await server.stop()
  })
  await until(async () => (await db.mcpTool.count()) > 0)
  return { broker, server }
})

async function connect(db: Db, { broker }: { broker: TestBroker }) {
  const agent = await makeAgent(db)
  const { agentId } = agent
  const toolGrant = await makeGrant(db, { agentId, serverId: 'first', class: 'write' })
  for (const name of ['tasks', 'elicitation/create']) {
    await makeGrant(db, { agentId, serverId: 'first', toolName: methodPrefix + name })
  }
  const token = await sessionToken(db, broker.url, agent)
  await broker.broker.keeper.refresh()
  return { agent, toolGrant, ...(await connectTaskClient({ url: `${broker.url}/mcp/first`, token })) }
}

const statuses = (told: RpcNotice[]) =>
  told.filter(({ method }) => method === 'notifications/tasks').map(({ params }) => params['status'])

test('word of a task is decided about, guarded and on record before it is told', async ({ db, world }) => {
  const { agent, begin, listen, ask, settled } = await connect(db, world)
  const secret = `ghp_${'a1B2'.repeat(9)}`
  const { taskId } = await begin('confirm_delete', { filename: secret })
  const told: RpcNotice[] = []
  const stop = listen([taskId], (message) => told.push(message))
  await until(() => told.length > 0)
  // It goes on only when it is answered, so whoever listens by then hears of its end.
  const waiting = await settled(taskId, 'input_required')
  const inputResponses = { [Object.keys(waiting['inputRequests'] as object)[0]!]: { action: 'accept', content: {} } }
  await ask('tasks/update', { taskId, inputResponses })
  await until(() => statuses(told).includes('completed'))
  stop()
  expect(told[0]!.params).toMatchObject({ notifications: { taskIds: [taskId] } })
  const completed = told.find(({ params }) => params['status'] === 'completed')!
  expect(completed.params['taskId']).toBe(taskId)
  expect(JSON.stringify(completed.params['result'])).toContain('[masked: github_token]')
  expect(JSON.stringify(told)).not.toContain(secret)
  const where = { agentId: agent.agentId, event: 'mcp.call_allowed', tool: 'notifications/tasks' }
  const row = await db.auditEvent.findFirstOrThrow({ where, orderBy: { seq: 'desc' } })
  expect(row.serverId).toBe('first')
  expect(row.detail).toMatchObject({
    masked: { github_token: 1 },
    task: { tool: 'confirm_delete', status: 'completed' },
  })
})

test('word of a task is as long as its agent is given results', async ({ db, world }) => {
  const { agent, begin, listen, ask, settled } = await connect(db, world)
  const { taskId } = await begin('confirm_delete', { filename: 'x'.repeat(3000) })
  const waiting = await settled(taskId, 'input_required')
  await db.agent.update({ where: { id: agent.agentId }, data: { resultBytesMax: 2000 } })
  await world.broker.broker.keeper.refresh()
  const told: RpcNotice[] = []
  const stop = listen([taskId], (message) => told.push(message))
  await until(() => told.length > 0)
  const inputResponses = { [Object.keys(waiting['inputRequests'] as object)[0]!]: { action: 'accept', content: {} } }
  await ask('tasks/update', { taskId, inputResponses })
  await setTimeout(1000)
  stop()
  expect(statuses(told)).not.toContain('completed')
})

test('what a task asks comes with the word of it, and is answered', async ({ db, world }) => {
  const { agent, begin, listen, ask } = await connect(db, world)
  const { taskId } = await begin('multi_input')
  const told: RpcNotice[] = []
  const stop = listen([taskId], (message) => told.push(message))
  await until(() => told.length > 0)
  const { result } = await ask('tasks/get', { taskId })
  const [first, second] = Object.keys(result!['inputRequests'] as object)
  for (const key of [first!, second!]) {
    await ask('tasks/update', { taskId, inputResponses: { [key]: { action: 'accept', content: { name: key } } } })
  }
  await until(() => statuses(told).includes('completed'))
  stop()
  const where = { agentId: agent.agentId, tool: 'elicitation/create' }
  expect(await db.auditEvent.count({ where })).toBe(2)
})

test('nobody is told of another’s task, nor of one they may not have any more', async ({ db, world }) => {
  const [mine, theirs] = [await connect(db, world), await connect(db, world)]
  const { taskId } = await mine.begin('slow_compute', { seconds: 60 })
  const others: RpcNotice[] = []
  const stopOthers = theirs.listen([taskId], (message) => others.push(message))
  await until(() => others.length > 0)
  expect(others[0]!.params).toMatchObject({ notifications: {} })
  const denied = await lastEvent(db, theirs.agent.agentId, 'mcp.call_denied')
  expect(denied).toMatchObject({ tool: 'notifications/tasks', rule: 'task_not_yours' })

  const told: RpcNotice[] = []
  const stop = mine.listen([taskId], (message) => told.push(message))
  await until(() => told.length > 0)
  await db.grant.update({ where: { id: mine.toolGrant }, data: { revokedAt: new Date() } })
  await world.broker.broker.keeper.refresh()
  for (const task of world.server.tasks.all()) world.server.tasks.cancel(task)
  expect((await mine.ask('tasks/get', { taskId })).error?.data).toMatchObject({ rule: 'grant_missing' })
  // What the server said of it has been said by then.
  const later = await theirs.begin('slow_compute', { seconds: 60 })
  const marker: RpcNotice[] = []
  const stopMarker = theirs.listen([later.taskId], (message) => marker.push(message))
  await until(() => marker.length > 0)
  for (const task of world.server.tasks.all()) world.server.tasks.cancel(task)
  await until(() => statuses(marker).includes('cancelled'))
  stopMarker()
  expect(statuses(told)).toEqual([])
  stop()
  stopOthers()
})

test('whoever guesses the ids of tasks is held up as for calls', async ({ db, databaseUrl, world, onTestFinished }) => {
  const limits = { agentCallsPerSecond: 2 }
  const slow = await startBroker({ db, databaseUrl, port: await freePort(), portalUrl, encryptionKey, limits })
  onTestFinished(() => slow.stop())
  const [mine, theirs] = [await connect(db, world), await connect(db, { broker: slow })]
  const { taskId } = await mine.begin('slow_compute', { seconds: 0 })
  const where = { agentId: theirs.agent.agentId, rule: 'task_not_yours' }
  const told: RpcNotice[] = []
  const stop = theirs.listen(Array(40).fill(taskId) as string[], (message) => told.push(message))
  await until(() => told.length > 0)
  stop()
  const guessed = await db.auditEvent.count({ where })
  expect(guessed).toBeGreaterThan(0)
  expect(guessed).toBeLessThan(20)
  const answers = await Promise.all(Array.from({ length: 20 }, () => theirs.ask('tasks/get', { taskId })))
  expect(answers.map(({ error }) => error?.data?.['rule'])).toContain('rate_limited')
})

test('a server that tells of no tasks ends nothing else that its agent listens to', async ({ db, world }) => {
  const { agent, begin } = await connect(db, world)
  const { taskId } = await begin('slow_compute', { seconds: 0 })
  const raw = new RawAgent(`${world.broker.url}/mcp/first`, await sessionToken(db, world.broker.url, agent))
  const ending = new AbortController()
  const _meta = {
    'io.modelcontextprotocol/protocolVersion': '2026-07-28',
    'io.modelcontextprotocol/clientCapabilities': { extensions: { 'io.modelcontextprotocol/tasks': {} } },
  }
  world.server.tasks.tells = false
  const { messages } = await raw.send({
    body: {
      id: 7,
      method: 'subscriptions/listen',
      params: { notifications: { toolsListChanged: true, taskIds: [taskId] }, _meta },
    },
    headers: { 'mcp-protocol-version': '2026-07-28', 'mcp-method': 'subscriptions/listen' },
    signal: ending.signal,
  })
  expect((await messages.next()).value?.params).toMatchObject({ notifications: { toolsListChanged: true } })
  world.server.tasks.tells = true
  await db.mcpTool.deleteMany({ where: { serverId: 'first', name: 'test_simple_text' } })
  await world.broker.broker.keeper.refresh()
  expect((await messages.next()).value?.method).toBe('notifications/tools/list_changed')
  ending.abort()
})

test('a client that does not take tasks is told what it would have to say', async ({ db, world }) => {
  const { ask } = await connect(db, world)
  const meta = {
    'io.modelcontextprotocol/protocolVersion': '2026-07-28',
    'io.modelcontextprotocol/clientCapabilities': {},
  }
  const { error } = await ask('subscriptions/listen', { notifications: { taskIds: ['any'] }, _meta: meta })
  expect(error).toMatchObject({
    code: -32021,
    data: { requiredCapabilities: { extensions: { 'io.modelcontextprotocol/tasks': {} } } },
  })
})
