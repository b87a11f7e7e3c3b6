import { expect } from 'vitest'
import type { Db } from '#lib/db/client.ts'
import { type Balancer, startBalancer } from '#lib/dev/test/balancer.ts'
import { makeAgent, sessionToken, startUpstream, type TestAgent } from '#lib/dev/test/broker.ts'
import { agentSession, lastEvent, postCall, until } from '#lib/dev/test/broker-world.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { makeGrant } from '#lib/dev/test/registry.ts'
import { type BrokerProcess, startBrokerProcess } from '#lib/dev/test/broker-process.ts'
import { startGatedUpstream } from '#lib/dev/test/gated-upstream.ts'
import { startLoad } from '#lib/dev/test/call-load.ts'

type World = { replicas: BrokerProcess[]; balancer: Balancer }

/** Two brokers, each a process, behind a round-robin balancer, in front of two servers. */
const test = dbTest.extend('world', { scope: 'file' }, async ({ db, databaseUrl }, { onCleanup }) => {
  const upstream = await startUpstream()
  const gated = await startGatedUpstream('gated')
  const rest = { description: '', environment: 'staging', sensitivity: 'internal', demo: true } as const
  await db.mcpServer.create({ data: { id: 'modern', name: 'Modern', url: upstream.url, ...rest } })
  await db.mcpServer.create({ data: { id: 'gated', name: 'Gated', url: gated.url, ...rest } })
  const balancer = await startBalancer()
  const start = () => startBrokerProcess({ databaseUrl, brokerUrl: balancer.url })
  const replicas = await Promise.all([start(), start()])
  balancer.replicas.push(...replicas.map((replica) => replica.url))
  onCleanup(async () => {
    gated.open()
    await Promise.all(replicas.map((replica) => replica.stop()))
    await Promise.all([balancer.stop(), upstream.stop(), gated.stop()])
  })
  await until(async () => (await db.mcpTool.count()) === 7, 30_000)
  return { broker: { url: balancer.url }, balancer, replicas, start, upstream, gated }
})

/** An agent that may read and write, and whose grants both replicas know. */
async function grantedAgent(db: Db, { replicas, balancer }: World): Promise<TestAgent> {
  const agent = await makeAgent(db)
  for (const serverId of ['modern', 'gated']) await makeGrant(db, { agentId: agent.agentId, serverId, class: 'write' })
  const token = await sessionToken(db, balancer.url, agent)
  for (const serverId of ['modern', 'gated']) {
    const tool = serverId === 'modern' ? 'look' : 'note'
    const call = (broker: BrokerProcess) => postCall({ broker }, { token, serverId, tool })
    for (const replica of replicas) await until(async () => !(await call(replica)).text.includes('isError'))
  }
  return agent
}

// Generous: two processes are started first.
test('a session goes on whichever replica its next request meets', { timeout: 240_000 }, async ({ db, world }) => {
  const { balancer, replicas } = world
  const agent = await grantedAgent(db, world)
  const before = new Map(balancer.passed)
  for (const era of ['legacy', 'modern'] as const) {
    const client = await agentSession(db, world, { agent, era })
    for (let at = 0; at < 6; at += 1) {
      const answer = await client.callTool({ name: 'change', arguments: { word: `${era} ${at}` } })
      expect(answer.content).toEqual([{ type: 'text', text: `changed ${era} ${at}` }])
    }
    await client.close()
  }
  for (const { url } of replicas) expect(balancer.passed.get(url)).toBeGreaterThan(before.get(url) ?? 0)
})

test('a cancellation reaches its call at the replica that has it', async ({ db, world }) => {
  const { upstream, replicas, balancer } = world
  const agent = await grantedAgent(db, world)
  const token = await sessionToken(db, balancer.url, agent)
  const params = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'test', version: '1' } }
  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'initialize', params })
  const begin = async () =>
    (await postCall({ broker: replicas[0] }, { token, body })).headers.get('mcp-session-id') ?? ''
  const headers = { 'mcp-protocol-version': '2025-11-25', 'mcp-session-id': await begin() }
  const call = (name: string, id: number) =>
    JSON.stringify({ jsonrpc: '2.0', id, method: 'tools/call', params: { name, arguments: {} } })
  const cancel = (requestId: number) =>
    JSON.stringify({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId } })
  const cancelled = upstream.cancelled
  const began = upstream.slowBegan()
  const slow = postCall({ broker: replicas[0] }, { token, headers, body: call('slow', 41) })
  await began
  // Another request's, and another session's, are not meant.
  await postCall({ broker: replicas[1] }, { token, headers, body: cancel(40) })
  await postCall(
    { broker: replicas[1] },
    { token, headers: { ...headers, 'mcp-session-id': await begin() }, body: cancel(41) },
  )
  await new Promise((resolve) => setTimeout(resolve, 200))
  expect(upstream.cancelled).toBe(cancelled)
  await postCall({ broker: replicas[1] }, { token, headers, body: cancel(41) })
  await slow
  await until(() => upstream.cancelled === cancelled + 1)
  expect(await lastEvent(db, agent.agentId)).toMatchObject({ tool: 'slow', detail: { outcome: 'aborted' } })
})

test('a stop order ends calls at both, and both acknowledge it', async ({ db, world }) => {
  const { gated, replicas, balancer } = world
  const agent = await grantedAgent(db, world)
  const token = await sessionToken(db, balancer.url, agent)
  const calls = replicas.map((broker) => postCall({ broker }, { token, tool: 'gate', serverId: 'gated' }))
  await until(() => gated.waiting === 2)
  const order = await db.stopOrder.create({
    data: { scope: 'agent', targetId: agent.agentId, reason: 'drill', orderedByName: 'Ola' },
  })
  for (const { text } of await Promise.all(calls)) expect(text).toContain('killed')
  await until(async () => (await db.stopAck.count({ where: { orderId: order.id, process: 'broker' } })) === 2)
  const acks = await db.stopAck.findMany({ where: { orderId: order.id } })
  expect(acks.map(({ detail }) => detail)).toEqual([
    expect.objectContaining({ callsAborted: 1 }),
    expect.objectContaining({ callsAborted: 1 }),
  ])
  gated.open()
})

test(
  'a replica that is told to stop lets its calls end and refuses new ones, and no agent behind the balancer sees it',
  { timeout: 240_000 },
  async ({ db, world }) => {
    const { gated, replicas, balancer, start } = world
    const agent = await grantedAgent(db, world)
    const token = await sessionToken(db, balancer.url, agent)
    const leaving = replicas[0]
    const underWay = postCall({ broker: leaving }, { token, tool: 'gate', serverId: 'gated' })
    await until(() => gated.waiting === 1)
    const load = startLoad({ url: balancer.url, token: () => token, serverId: 'modern', users: 4, pauseMs: 10 })
    await until(() => load.acknowledged.length > 20)
    const exit = leaving.stop()
    await until(async () => (await fetch(`${leaving.url}/readyz`)).status === 503)
    const refused = await postCall({ broker: leaving }, { token })
    expect(refused.status).toBe(503)
    expect(refused.json.error?.data).toMatchObject({ rule: 'draining' })
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0)
    expect(refused.headers.get('connection')).toBe('close')
    gated.open()
    expect(await underWay).toMatchObject({ status: 200, text: expect.stringContaining('gated') as string })
    expect(await exit).toBe(0)
    const answered = load.acknowledged.length
    await until(() => load.acknowledged.length > answered + 20)
    await load.stop()
    // Between the signal and the balancer's next look a call may still meet it: that is told to come again, and nothing else happens to it.
    for (const other of load.others) expect(other).toMatch(/^503 .*draining/)
    replicas[0] = await start()
    balancer.replicas.splice(0, 1, replicas[0].url)
  },
)

test('when one is killed the other goes on, and what was answered is in the log', async ({ db, world }) => {
  const { replicas, balancer } = world
  const agent = await grantedAgent(db, world)
  const token = await sessionToken(db, balancer.url, agent)
  const users = 6
  const load = startLoad({ url: balancer.url, token: () => token, serverId: 'modern', users })
  await until(() => load.acknowledged.length > 60)
  await replicas[1].kill()
  const answered = load.acknowledged.length
  await until(() => load.acknowledged.length > answered + 60)
  await load.stop()
  // Who was waiting for it sees its connection break, once each at most.
  expect(load.others.length).toBeLessThanOrEqual(users)
  const rows = await db.auditEvent.findMany({
    where: { agentId: agent.agentId, event: 'mcp.call_allowed' },
    select: { detail: true },
  })
  const recorded = new Set(rows.map(({ detail }) => (detail as { argumentsDigest: string }).argumentsDigest))
  expect(load.acknowledged.filter(({ digest }) => !recorded.has(digest))).toEqual([])
})
