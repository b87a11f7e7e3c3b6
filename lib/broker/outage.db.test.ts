import { expect } from 'vitest'
import type { Db } from '#lib/db/client.ts'
import { freePort } from '#lib/dev/ports.ts'
import {
  connectAgent,
  encryptionKey,
  makeAgent,
  portalUrl,
  sessionToken,
  startUpstream,
  type TestAgent,
  type TestUpstream,
} from '#lib/dev/test/broker.ts'
import { until } from '#lib/dev/test/broker-world.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { makeGrant } from '#lib/dev/test/registry.ts'
import { startTcpProxy, type TcpProxy } from '#lib/dev/test/tcp-proxy.ts'
import { startBroker, type TestBroker } from './testing/start-broker.ts'

type World = { broker: TestBroker; upstream: TestUpstream; proxy: TcpProxy; agent: TestAgent }

// No rates: on a fast machine a refusal for them would look like an answer.
const limits = { auditWaitMs: 400, viewAgeMsMax: 3000, agentCallsPerSecond: 0, serverCallsPerSecond: 0 }

/** A broker that reaches its database through a proxy, and an agent that may change things. */
const test = dbTest.extend('world', { scope: 'file' }, async ({ db, databaseUrl }, { onCleanup }): Promise<World> => {
  const upstream = await startUpstream()
  const rest = { description: '', environment: 'staging', sensitivity: 'internal', demo: true } as const
  await db.mcpServer.create({ data: { id: 'erp', name: 'ERP', url: upstream.url, ...rest } })
  const proxy = await startTcpProxy(databaseUrl)
  const port = await freePort()
  const broker = await startBroker({ db, databaseUrl: proxy.url, port, portalUrl, encryptionKey, limits })
  onCleanup(async () => {
    await proxy.restore()
    await broker.stop()
    await upstream.stop()
    await proxy.stop()
  })
  await until(async () => (await db.mcpTool.count()) === 5)
  const agent = await makeAgent(db)
  await makeGrant(db, { agentId: agent.agentId, serverId: 'erp', class: 'write' })
  return { broker, upstream, proxy, agent }
})

async function call({ broker }: World, token: string, tool: string) {
  const response = await fetch(`${broker.url}/mcp/erp`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
    body: JSON.stringify({
      jsonrpc: '2.0',
      id: 1,
      method: 'tools/call',
      params: { name: tool, arguments: { word: 'x' } },
    }),
  })
  const body = (await response.json()) as { result?: unknown; error?: { message: string; data?: { rule?: string } } }
  return { status: response.status, rule: body.error?.data?.rule, message: body.error?.message, result: body.result }
}

const finished = (db: Db, agentId: string, tool: string) =>
  db.auditEvent.count({ where: { agentId, tool, event: 'mcp.call_allowed' } })

test('without its database the broker refuses, reaches no server, and recovers by itself', async ({ db, world }) => {
  const token = await sessionToken(db, world.broker.url, world.agent)
  expect((await call(world, token, 'change')).status).toBe(200)
  await world.proxy.cut()
  await until(async () => (await call(world, token, 'look')).status === 503)
  const before = world.upstream.calls.length
  // Whoever is refused is told why when it is on record, also who shows no token that counts.
  const ofBrowser = fetch(`${world.broker.url}/mcp/erp`, { headers: { origin: 'https://evil.test' } })
  const refused = await Promise.all([token, 'not-a-jwt', ''].map((shown) => call(world, shown, 'change')))
  const unrecorded = { status: 503, rule: 'audit_unavailable' }
  expect(refused).toMatchObject([unrecorded, unrecorded, unrecorded])
  expect(await (await ofBrowser).json()).toMatchObject({ error: { data: { rule: 'audit_unavailable' } } })
  expect((await fetch(`${world.broker.url}/readyz`)).status).toBe(503)
  expect((await fetch(`${world.broker.url}/healthz`)).status).toBe(200)
  // Later the registry is too old as well, and then nobody is even looked up.
  await until(async () => (await call(world, token, 'look')).rule === 'view_stale')
  expect(world.upstream.calls.length).toBe(before)
  await world.proxy.restore()
  await until(async () => (await call(world, token, 'change')).status === 200)
  expect(await call(world, 'not-a-jwt', 'change')).toMatchObject({ status: 401, rule: 'token_invalid' })
  expect((await fetch(`${world.broker.url}/readyz`)).status).toBe(200)
  // What it missed, not everything.
  const metrics = await (await fetch(`${world.broker.url}/metrics`)).text()
  expect(metrics).toContain('wheelhouse_broker_view_reads_total{extent="whole"} 1\n')
})

test('when commits hang, a change is not forwarded, a read is not answered, and it recovers', async ({ db, world }) => {
  const token = await sessionToken(db, world.broker.url, world.agent)
  expect((await call(world, token, 'look')).status).toBe(200)
  world.proxy.freeze()
  const before = world.upstream.calls.length
  const [change, look] = await Promise.all([call(world, token, 'change'), call(world, token, 'look')])
  expect([change.status, change.rule, look.status, look.rule]).toEqual([
    503,
    'audit_unavailable',
    503,
    'audit_unavailable',
  ])
  expect(world.upstream.calls.slice(before).map(({ tool }) => tool)).toEqual(['look'])
  await world.proxy.restore()
  await until(async () => (await call(world, token, 'change')).status === 200)
})

test('what was carried out while the database went away is recorded when it is back, once', async ({ db, world }) => {
  const token = await sessionToken(db, world.broker.url, world.agent)
  const client = await connectAgent(world.broker.url, { serverId: 'erp', token, era: 'modern' })
  const began = world.upstream.slowBegan()
  const ending = new AbortController()
  const slow = client.callTool({ name: 'slow', arguments: {} }, { signal: ending.signal }).catch(() => 'cancelled')
  await began
  await world.proxy.cut()
  // The agent goes away, so the call ends and there is something to record that has happened.
  ending.abort()
  expect(await slow).toBe('cancelled')
  await until(async () => (await call(world, token, 'look')).status === 503)
  expect(await finished(db, world.agent.agentId, 'slow')).toBe(0)
  await world.proxy.restore()
  await until(async () => (await finished(db, world.agent.agentId, 'slow')) === 1)
  const row = await db.auditEvent.findFirst({
    where: { agentId: world.agent.agentId, tool: 'slow' },
    orderBy: { seq: 'desc' },
  })
  expect(row).toMatchObject({ event: 'mcp.call_allowed', detail: { outcome: 'aborted' } })
  await client.close()
})

test('rows that a broken connection left in doubt are recorded once, and none is lost', async ({ db, world }) => {
  const token = await sessionToken(db, world.broker.url, world.agent)
  await until(async () => (await call(world, token, 'look')).status === 200)
  const rows = await finished(db, world.agent.agentId, 'look')
  const looked = world.upstream.calls.filter(({ tool }) => tool === 'look').length
  const ended = new AbortController()
  const answers: number[] = []
  const agents = Array.from({ length: 4 }, async () => {
    while (!ended.signal.aborted) answers.push((await call(world, token, 'look')).status)
  })
  for (let times = 0; times < 3; times += 1) {
    await pause(150)
    await world.proxy.cut()
    await pause(50)
    await world.proxy.restore()
    await until(async () => (await call(world, token, 'look')).status === 200)
  }
  ended.abort()
  await Promise.all(agents)
  // Every call that reached the server has its row, exactly one, whether or not it could be answered.
  const reached = () => world.upstream.calls.filter(({ tool }) => tool === 'look').length - looked
  await until(async () => (await finished(db, world.agent.agentId, 'look')) - rows >= reached())
  expect((await finished(db, world.agent.agentId, 'look')) - rows).toBe(reached())
  expect(answers.filter((status) => status === 200).length).toBeLessThanOrEqual(reached())
})

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
