import { expect, onTestFinished } from 'vitest'
import { freePort } from '#lib/dev/ports.ts'
import { encryptionKey, makeAgent, portalUrl, sessionToken } from '#lib/dev/test/broker.ts'
import { until } from '#lib/dev/test/broker-world.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { ctxFor } from '#lib/dev/test/fleet.ts'
import { makeGrant } from '#lib/dev/test/registry.ts'
import { rollUpTraffic } from '#lib/metrics/commands.ts'
import { agentTraffic } from '#lib/metrics/queries.ts'
import type { Db } from '#lib/db/client.ts'
import { allOf, RawAgent } from '../testing/raw-agent.ts'
import { startBroker, type TestBroker } from '../testing/start-broker.ts'
import { startToolServer } from '../testing/tool-server.ts'

const test = dbTest.extend('world', { scope: 'file' }, async ({ db, databaseUrl }, { onCleanup }) => {
  const servers = { keeping: await startToolServer({ keeps: true }), plain: await startToolServer({ keeps: false }) }
  const about = { description: '', environment: 'staging', sensitivity: 'internal', demo: true } as const
  for (const [id, { url }] of Object.entries(servers)) {
    await db.mcpServer.create({ data: { id, name: id, url, ...about } })
  }
  const start = async () => startBroker({ db, databaseUrl, port: await freePort(), portalUrl, encryptionKey })
  const brokers: readonly [TestBroker, TestBroker] = [await start(), await start()]
  onCleanup(async () => {
    for (const { broker, stop } of brokers) {
      broker.abort()
      await stop()
    }
    for (const server of Object.values(servers)) server.stop()
  })
  // Both have looked at both, and know by that whether a server keeps events.
  for (const { broker } of brokers) {
    const { discovery, keeper } = broker
    for (const id of Object.keys(servers)) {
      await until(() => keeper.view.servers.has(id))
      await discovery.discover(keeper.view.servers.get(id)!)
    }
    await until(() => [...keeper.view.servers.values()].every(({ tools }) => tools.size === 5))
  }
  return { servers, brokers }
})
type World = { brokers: readonly TestBroker[] }

/** An agent that may use what it has a grant of by name, and nothing else of the server. */
async function caller(db: Db, { brokers }: World, serverId: string, names: readonly string[] = ['slow']) {
  const agent = await makeAgent(db)
  for (const toolName of names) await makeGrant(db, { agentId: agent.agentId, serverId, toolName })
  const at = async ({ url, broker }: TestBroker) => {
    await broker.keeper.refresh()
    const token = await sessionToken(db, url, agent)
    return { raw: new RawAgent(`${url}/mcp/${serverId}`, token) }
  }
  return { ...agent, here: await at(brokers[0]!), there: await at(brokers[1]!) }
}

async function endsOf(db: Db, agentId: string) {
  return await db.auditEvent.findMany({
    where: { agentId, event: 'mcp.call_allowed', tool: 'slow' },
    select: { rule: true, detail: true },
  })
}

function outcomeIn(detail: unknown): string {
  return (detail as { outcome: string }).outcome
}

const slow = { id: 7, method: 'tools/call', params: { name: 'slow', arguments: {} } }

test('an agent that may call one tool and nothing else gets the answer whose connection it lost, at whichever replica it comes back', async ({
  db,
  world,
}) => {
  const { waiting, finish } = world.servers.keeping
  const { agentId, here, there } = await caller(db, world, 'keeping')
  for (const back of [here, there]) {
    const session = await here.raw.begin()
    const eventId = await here.raw.lose({ body: slow, headers: session })
    await until(() => waiting.length === 1)
    const headers = { ...session, 'last-event-id': eventId }
    const answer = back.raw.ask({ method: 'GET', headers })
    finish()
    expect((await answer).last).toMatchObject({ id: 7, result: { content: [{ text: 'done' }] } })
  }
  const resumed = await db.auditEvent.count({ where: { agentId, event: 'mcp.stream_opened', tool: null } })
  expect(resumed).toBeGreaterThan(0)
})

test('a call whose answer came while its agent was away is one call on record, however often it comes back for it', async ({
  db,
  world,
}) => {
  const { waiting, finish } = world.servers.keeping
  const { agentId, here, there } = await caller(db, world, 'keeping')
  const session = await here.raw.begin()
  const eventId = await here.raw.lose({ body: slow, headers: session })
  await until(() => waiting.length === 1)
  finish()
  await until(async () => (await endsOf(db, agentId)).length === 1)
  for (const back of [here, there, here]) {
    const { last } = await back.raw.ask({ method: 'GET', headers: { ...session, 'last-event-id': eventId } })
    expect(last).toMatchObject({ id: 7, result: { content: [{ text: 'done' }] } })
  }
  expect(await endsOf(db, agentId)).toMatchObject([{ detail: { outcome: 'ok' } }])
  const ctx = ctxFor(db)
  await rollUpTraffic(ctx)
  const [seen] = (await agentTraffic(ctx, { agentId, days: 1 })).servers
  expect(seen).toMatchObject({ server: { id: 'keeping' }, tools: [{ tool: 'slow', calls: 1 }] })
})

test('an event of another session is refused by its rule, on record', async ({ db, world }) => {
  const { waiting, finish } = world.servers.keeping
  const { agentId, here } = await caller(db, world, 'keeping')
  const eventId = await here.raw.lose({ body: slow, headers: await here.raw.begin() })
  await until(() => waiting.length === 1)
  const headers = { ...(await here.raw.begin()), 'last-event-id': eventId }
  const { status, last } = await here.raw.ask({ method: 'GET', headers })
  expect([status, last.error?.data?.rule]).toEqual([400, 'event_unknown'])
  expect(await db.auditEvent.count({ where: { agentId, event: 'mcp.call_denied', rule: 'event_unknown' } })).toBe(1)
  finish()
})

test('the same call made twice at once is two on record, and only the lost one is let go', async ({ db, world }) => {
  const { waiting, finish } = world.servers.keeping
  const { agentId, here, there } = await caller(db, world, 'keeping')
  const session = await here.raw.begin()
  const kept = here.raw.ask({ body: { ...slow, id: 8 }, headers: session })
  await until(() => waiting.length === 1)
  const eventId = await here.raw.lose({ body: slow, headers: session })
  await until(() => waiting.length === 2)
  const { messages } = await there.raw.send({ method: 'GET', headers: { ...session, 'last-event-id': eventId } })
  finish()
  expect((await kept).last).toMatchObject({ id: 8, result: { content: [{ text: 'done' }] } })
  let last: unknown
  for await (const message of messages) last = message
  expect(last).toMatchObject({ id: 7, result: { content: [{ text: 'done' }] } })
  const ends = (await endsOf(db, agentId)).filter(({ detail }) => outcomeIn(detail) !== 'cut_off')
  expect(ends.map(({ detail }) => outcomeIn(detail))).toEqual(['ok', 'ok'])
  // How long each took in all, whoever brought it to its end.
  expect(ends.map(({ detail }) => (detail as { ms: number }).ms > 0)).toEqual([true, true])
})

test('an answer that comes after a call was ended by a rule stays away', async ({ db, world }) => {
  const { waiting, state, finish } = world.servers.keeping
  state.deaf = true
  const { agentId, here, there } = await caller(db, world, 'keeping')
  const session = await here.raw.begin()
  const eventId = await here.raw.lose({ body: slow, headers: session })
  await until(() => waiting.length === 1)
  await db.agent.update({ where: { id: agentId }, data: { status: 'suspended' } })
  await until(async () => (await endsOf(db, agentId)).length === 1)
  await db.agent.update({ where: { id: agentId }, data: { status: 'active' } })
  for (const { broker } of world.brokers) await broker.keeper.refresh()
  finish()
  const { last } = await there.raw.ask({ method: 'GET', headers: { ...session, 'last-event-id': eventId } })
  const [end, ...more] = await endsOf(db, agentId)
  expect(end).toMatchObject({ rule: 'agent_not_active', detail: { outcome: 'aborted' } })
  expect(more).toEqual([])
  expect(last).toMatchObject({ id: 7, result: { isError: true } })
  expect(JSON.stringify(last)).toContain('agent_not_active')
  state.deaf = false
})

test('it has the rest of the stream while the call goes on, though a replica still reads it', async ({ db, world }) => {
  const { waiting, finish } = world.servers.keeping
  const { here, there } = await caller(db, world, 'keeping')
  for (const back of [here, there]) {
    const session = await here.raw.begin()
    const eventId = await here.raw.lose({ body: slow, headers: session })
    await until(() => waiting.length === 1)
    const { status, messages } = await back.raw.send({
      method: 'GET',
      headers: { ...session, 'last-event-id': eventId },
    })
    expect(status).toBe(200)
    finish()
    let last: unknown
    for await (const message of messages) last = message
    expect(last).toMatchObject({ id: 7, result: { content: [{ text: 'done' }] } })
  }
})

test('it has the stream of its session anew, at whichever replica, though one still reads it for a connection that is lost', async ({
  db,
  world,
}) => {
  const { sessions } = world.servers.keeping
  const { here, there } = await caller(db, world, 'keeping')
  const before = new Set(sessions.keys())
  const headers = await here.raw.begin()
  const upstream = [...sessions].find(([id]) => !before.has(id))![1]
  const losing = new AbortController()
  onTestFinished(() => losing.abort())
  // Nobody closes those before: as a connection whose other end is gone.
  for (const back of [here, here, there, here]) {
    const { status, messages } = await back.raw.send({ method: 'GET', headers, signal: losing.signal })
    expect(status).toBe(200)
    await upstream.send({ jsonrpc: '2.0', method: 'notifications/tools/list_changed' })
    expect((await messages.next()).value).toMatchObject({ method: 'notifications/tools/list_changed' })
  }
})

test('what it lost it can still cancel', async ({ db, world }) => {
  const { waiting, state, finish } = world.servers.keeping
  const { here, there } = await caller(db, world, 'keeping')
  const session = await here.raw.begin()
  await here.raw.lose({ body: slow, headers: session })
  await until(() => waiting.length === 1)
  const cancelled = { method: 'notifications/cancelled', params: { requestId: 7 } }
  const before = state.cancelled
  expect((await there.raw.send({ body: cancelled, headers: session })).status).toBe(202)
  await until(() => state.cancelled > before)
  finish()
})

test('at a server that keeps no events agents share its session, as before', async ({ db, world }) => {
  const { sessions } = world.servers.plain
  const { here } = await caller(db, world, 'plain', ['plain'])
  const before = sessions.size
  const headers = await here.raw.begin()
  const call = { id: 2, method: 'tools/call', params: { name: 'plain', arguments: {} } }
  expect(JSON.stringify((await here.raw.ask({ body: call, headers })).last)).toContain('done')
  expect(sessions.size).toBe(before)
})

const talking = {
  id: 7,
  method: 'tools/call',
  params: { name: 'talking', arguments: {}, _meta: { progressToken: 'mine' } },
}

test('an agent that may call one tool is told of its call over the rest of the stream what it is told over the first, and nothing else', async ({
  db,
  world,
}) => {
  const { waiting, finish } = world.servers.keeping
  const { here, there } = await caller(db, world, 'keeping', ['talking'])
  const told = [
    { method: 'notifications/progress', params: { progressToken: 'mine', progress: 1 } },
    { method: 'notifications/elicitation/complete', params: { elicitationId: 'page' } },
    { id: 7, result: { content: [{ text: 'done' }] } },
  ]
  const session = await here.raw.begin()
  const first = await here.raw.send({ body: talking, headers: session })
  await until(() => waiting.length === 1)
  finish()
  expect(await allOf(first.messages)).toMatchObject(told)
  for (const back of [here, there]) {
    const eventId = await here.raw.lose({ body: talking, headers: session })
    await until(() => waiting.length === 1)
    const rest = await back.raw.send({ method: 'GET', headers: { ...session, 'last-event-id': eventId } })
    finish()
    expect(await allOf(rest.messages)).toMatchObject(told)
  }
})

test('what a server asks over the stream of a session it can take back, and of a page it says that it is done', async ({
  db,
  world,
}) => {
  const { sessions } = world.servers.keeping
  const { here } = await caller(db, world, 'keeping', ['plain', 'method:elicitation/create'])
  const before = new Set(sessions.keys())
  const headers = await here.raw.begin({ elicitation: {} })
  const upstream = [...sessions].find(([id]) => !before.has(id))![1]
  const leaving = new AbortController()
  onTestFinished(() => leaving.abort())
  const { messages } = await here.raw.send({ method: 'GET', headers, signal: leaving.signal })
  const requestedSchema = { type: 'object', properties: {} }
  const params = { mode: 'form', message: 'Really?', requestedSchema }
  await upstream.send({ jsonrpc: '2.0', id: 'asked', method: 'elicitation/create', params })
  const asked = (await messages.next()).value
  expect(asked).toMatchObject({ method: 'elicitation/create' })
  const say = async (method: string, params: Record<string, unknown> = {}) =>
    upstream.send({ jsonrpc: '2.0', method, params })
  await say('notifications/cancelled', { requestId: 'never asked' })
  await say('notifications/resources/list_changed')
  await say('notifications/cancelled', { requestId: 'asked' })
  await say('notifications/of_its_own')
  await say('notifications/elicitation/complete', { elicitationId: 'page' })
  expect((await messages.next()).value).toMatchObject({
    method: 'notifications/cancelled',
    params: { requestId: asked!.id },
  })
  expect((await messages.next()).value).toMatchObject({ method: 'notifications/elicitation/complete' })
})
