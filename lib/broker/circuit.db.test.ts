import { hostname } from 'node:os'
import { setTimeout } from 'node:timers/promises'
import { expect, onTestFinished } from 'vitest'
import { systemActor } from '#lib/auth/ctx.ts'
import { freePort } from '#lib/dev/ports.ts'
import { encryptionKey, makeAgent, portalUrl, sessionToken, startUpstream } from '#lib/dev/test/broker.ts'
import { agentSession, lastEvent, until } from '#lib/dev/test/broker-world.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { makeGrant } from '#lib/dev/test/registry.ts'
import { startTcpProxy } from '#lib/dev/test/tcp-proxy.ts'
import { listServerHealth } from '#lib/registry/queries.ts'
import type { Tracer } from './telemetry/request-telemetry.ts'
import { RawAgent } from './testing/raw-agent.ts'
import { startBroker } from './testing/start-broker.ts'

const limits = { circuitFailures: 3, circuitOpenMs: 1500, callDeadlineMs: 400 }

/** Asks for a stream of what only the server can tell. */
async function listenTo({ broker }: { broker: { url: string } }, token: string) {
  const method = 'subscriptions/listen'
  const _meta = {
    'io.modelcontextprotocol/protocolVersion': '2026-07-28',
    'io.modelcontextprotocol/clientCapabilities': {},
  }
  const params = { notifications: { resourcesListChanged: true }, _meta }
  const response = await fetch(`${broker.url}/mcp/modern`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      authorization: `Bearer ${token}`,
      'mcp-protocol-version': '2026-07-28',
      'mcp-method': method,
    },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }),
  })
  return { status: response.status, text: await response.text() }
}

/** A broker that reaches its server through a proxy. */
const test = dbTest.extend('world', { scope: 'file' }, async ({ db, databaseUrl }, { onCleanup }) => {
  const upstream = await startUpstream()
  const proxy = await startTcpProxy(upstream.url)
  const { url } = proxy
  const rest = { description: '', environment: 'staging', sensitivity: 'internal', demo: true } as const
  await db.mcpServer.create({ data: { id: 'modern', name: 'Modern', url, ...rest } })
  const broker = await startBroker({ db, databaseUrl, port: await freePort(), portalUrl, encryptionKey, limits })
  onCleanup(async () => {
    await proxy.restore()
    await broker.stop()
    await upstream.stop()
    await proxy.stop()
  })
  await until(async () => (await db.mcpTool.count()) === 5)
  return { broker, upstream, proxy, databaseUrl }
})

test('a server that fails again and again is left alone, which is said, shown and recorded, and it comes back by itself', async ({
  db,
  world,
}) => {
  const agent = await makeAgent(db)
  await makeGrant(db, { agentId: agent.agentId, serverId: 'modern', class: 'write' })
  const client = await agentSession(db, world, { agent })
  const call = async () => (await client.callTool({ name: 'change', arguments: {} }))._meta?.['wheelhouse/denial']
  const ctx = { db, actor: systemActor('test'), now: new Date() }
  expect(await call()).toBeUndefined()
  await world.proxy.cut()
  for (let i = 0; i < limits.circuitFailures; i += 1) {
    expect(await call()).toMatchObject({ rule: expect.stringMatching(/^upstream_/) as string })
  }
  const refused = await call()
  expect(refused).toMatchObject({ rule: 'upstream_unavailable', retryAfterMs: expect.any(Number) as number })
  expect((refused as { retryAfterMs: number }).retryAfterMs).toBeLessThanOrEqual(1500)
  expect(await lastEvent(db, agent.agentId)).toMatchObject({
    event: 'mcp.call_denied',
    rule: 'upstream_unavailable',
    tool: 'change',
  })
  // It may have been a discovery that opened it; either way it is told once.
  await until(async () => (await db.auditEvent.count({ where: { event: 'server.unavailable' } })) === 1)
  expect(await listServerHealth(ctx, 'modern')).toMatchObject([
    { state: 'open', failures: 3, lastError: expect.stringMatching(/^it /) as string },
  ])
  expect(await listenTo(world, await sessionToken(db, world.broker.url, agent))).toMatchObject({
    status: 503,
    text: expect.stringContaining('"rule":"upstream_unavailable"') as string,
  })
  const metrics = await (await fetch(`${world.broker.url}/metrics`)).text()
  expect(metrics).toContain('wheelhouse_broker_upstream_state{server="modern"} 2')
  expect(metrics).toMatch(/wheelhouse_broker_upstream_last_error_timestamp_seconds\{server="modern",kind="\w+"\} \d+/)
  await world.proxy.restore()
  await until(async () => (await call()) === undefined)
  await until(async () => (await db.auditEvent.count({ where: { event: 'server.available' } })) === 1)
  expect(await listServerHealth(ctx, 'modern')).toMatchObject([{ state: 'closed', failures: 0, retryAt: null }])
  await client.close()
})

test('sessions that agents begin while a server is down, for which it is asked nothing, are no sign that it lives', async ({
  db,
  world,
}) => {
  const agent = await makeAgent(db)
  await makeGrant(db, { agentId: agent.agentId, serverId: 'modern', class: 'read' })
  const callAnew = async () => {
    const client = await agentSession(db, world, { agent, era: 'legacy' })
    const { _meta } = await client.callTool({ name: 'look', arguments: {} })
    await client.close()
    return _meta?.['wheelhouse/denial']
  }
  await until(async () => (await callAnew()) === undefined)
  await world.proxy.cut()
  onTestFinished(() => world.proxy.restore())
  const state = async () => {
    const metrics = await (await fetch(`${world.broker.url}/metrics`)).text()
    return /upstream_state\{server="modern"\} (\d)/.exec(metrics)?.[1]
  }
  for (let i = 0; i < limits.circuitFailures; i += 1) expect(await callAnew()).toBeDefined()
  expect(await state()).not.toBe('0')
  const before = await db.auditEvent.count({ where: { event: 'server.available' } })
  // Long enough for a probe to be due.
  for (const end = Date.now() + 2 * limits.circuitOpenMs; Date.now() < end;) {
    await callAnew().catch(() => null)
    await setTimeout(50)
  }
  expect(await db.auditEvent.count({ where: { event: 'server.available' } })).toBe(before)
  expect(await state()).not.toBe('0')
  await world.proxy.restore()
  await until(async () => (await callAnew().catch(() => null)) === undefined, 10_000)
})

test('calls that the server lets run into their deadline open it, calls that their agent ends do not', async ({
  db,
  world,
}) => {
  const agent = await makeAgent(db)
  await makeGrant(db, { agentId: agent.agentId, serverId: 'modern', class: 'read' })
  const client = await agentSession(db, world, { agent })
  const slow = async (signal?: AbortSignal) =>
    client.callTool({ name: 'slow', arguments: {} }, signal ? { signal } : {}).catch(() => null)
  for (let i = 0; i < 4; i += 1) await slow(AbortSignal.timeout(50))
  expect((await client.callTool({ name: 'look', arguments: {} })).isError).toBeUndefined()
  for (let i = 0; i < 3; i += 1) {
    expect((await slow())?._meta?.['wheelhouse/denial']).toMatchObject({ rule: 'upstream_deadline' })
  }
  const refused = await client.callTool({ name: 'look', arguments: {} })
  expect(refused._meta?.['wheelhouse/denial']).toMatchObject({ rule: 'upstream_unavailable' })
  await until(async () => (await client.callTool({ name: 'look', arguments: {} })).isError === undefined)
  await client.close()
})

test('a call that fails in the broker itself as the probe does not keep everybody else from the server', async ({
  db,
  world,
}) => {
  let fails = false
  const tracer: Tracer = {
    begin: () => ({
      traceId: '4bf92f3577b34da6a3ce929d0e0e4736',
      part(name) {
        if (fails && name === 'audit') throw new Error('no span of that')
      },
      upstream: () => ({ context: null, end() {} }) as never,
      end() {},
    }),
  }
  const { databaseUrl } = world
  const port = await freePort()
  const traced = await startBroker({ db, databaseUrl, port, portalUrl, encryptionKey, limits, tracer })
  const agent = await makeAgent(db)
  await makeGrant(db, { agentId: agent.agentId, serverId: 'modern', class: 'write' })
  const client = await agentSession(db, { broker: traced }, { agent })
  const call = async () => client.callTool({ name: 'change', arguments: {} })
  await until(async () => !(await call()).isError)
  // Then nobody but this agent asks the server anything.
  await traced.broker.discovery.stop()
  await world.proxy.cut()
  await until(async () => JSON.stringify(await call()).includes('so nothing is sent to it'))
  await world.proxy.restore()
  fails = true
  await until(async () => {
    await call().catch(() => null)
    const metrics = await (await fetch(`${traced.url}/metrics`)).text()
    return metrics.includes('wheelhouse_broker_upstream_state{server="modern"} 1')
  })
  fails = false
  await until(async () => !(await call()).isError, 10_000)
  await client.close()
  await traced.stop()
})

test('what an agent says about its session at the merged endpoint is kept while the server is down, and closes no circuit', async ({
  db,
  world,
}) => {
  const agent = await makeAgent(db)
  const { agentId } = agent
  await makeGrant(db, { agentId, serverId: 'modern', class: 'write' })
  await makeGrant(db, { agentId, serverId: 'modern', toolName: 'method:resources/subscribe' })
  await world.broker.broker.keeper.refresh()
  const raw = new RawAgent(`${world.broker.url}/mcp`, await sessionToken(db, world.broker.url, agent))
  const headers = await raw.begin()
  const ask = async (method: string, params: object) =>
    (await raw.ask({ body: { id: 2, method, params }, headers })).last
  const call = () => ask('tools/call', { name: 'modern__change', arguments: {} })
  const state = async () => {
    const metrics = await (await fetch(`${world.broker.url}/metrics`)).text()
    return /upstream_state\{server="modern"\} (\d)/.exec(metrics)?.[1]
  }
  await world.proxy.cut()
  onTestFinished(() => world.proxy.restore())
  await until(async () => {
    await call()
    return (await state()) === '2'
  })
  const before = await db.auditEvent.count({ where: { event: 'server.available' } })
  // Long enough for a probe to be due.
  for (const end = Date.now() + 2 * limits.circuitOpenMs; Date.now() < end;) {
    expect((await ask('resources/subscribe', { uri: 'wheelhouse:modern:doc://rules' })).result).toEqual({})
    await setTimeout(50)
  }
  expect(await db.auditEvent.count({ where: { event: 'server.available' } })).toBe(before)
  expect(await state()).not.toBe('0')
})

test('a broker that was started anew in the middle of an outage tells of its end', async ({ db, world }) => {
  await world.proxy.restore()
  const port = await freePort()
  const name = `${hostname()}:${port}`
  const found = { state: 'open', failures: 5, lastError: 'it could not be reached', changedAt: new Date() }
  await db.serverHealth.create({ data: { serverId: 'modern', broker: name, ...found, retryAt: new Date() } })
  const { databaseUrl } = world
  const anew = await startBroker({ db, databaseUrl, port, portalUrl, encryptionKey, limits })
  const told = () => db.auditEvent.count({ where: { event: 'server.available', detail: { equals: { broker: name } } } })
  await until(async () => (await told()) === 1, 30_000)
  const row = await db.serverHealth.findFirst({ where: { broker: name } })
  expect(row).toMatchObject({ state: 'closed' })
  await anew.stop()
})

test('of a server that nobody may call any more the metrics say nothing, whatever it was like last', async ({
  db,
  world,
}) => {
  const isTold = async () =>
    (await (await fetch(`${world.broker.url}/metrics`)).text()).includes(
      'wheelhouse_broker_upstream_state{server="modern"}',
    )
  await until(isTold)
  await db.mcpServer.update({ where: { id: 'modern' }, data: { status: 'disabled' } })
  await until(async () => !(await isTold()))
  await db.mcpServer.update({ where: { id: 'modern' }, data: { status: 'active' } })
  await until(isTold)
})
