import { expect } from 'vitest'
import { freePort } from '#lib/dev/ports.ts'
import { encryptionKey, makeAgent, portalUrl, sessionToken } from '#lib/dev/test/broker.ts'
import { startBrokerProcess } from '#lib/dev/test/broker-process.ts'
import { until } from '#lib/dev/test/broker-world.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { makeGrant } from '#lib/dev/test/registry.ts'
import type { Db } from '#lib/db/client.ts'
import { methodPrefix } from '#lib/registry/schema.ts'
import { allOf, RawAgent, type RawMessage } from '../testing/raw-agent.ts'
import { startBroker, type TestBroker } from '../testing/start-broker.ts'
import { startToolServer } from '../testing/tool-server.ts'

// The rest of a stream whose connection was lost, at the merged address: with two servers that keep events and one that keeps none.

const ids = ['first', 'second', 'plain'] as const

const test = dbTest.extend('world', { scope: 'file' }, async ({ db, databaseUrl }, { onCleanup }) => {
  const servers = {
    first: await startToolServer({ keeps: true }),
    second: await startToolServer({ keeps: true }),
    plain: await startToolServer({ keeps: false }),
  }
  const about = { description: '', environment: 'staging', sensitivity: 'internal', demo: true } as const
  for (const id of ids) await db.mcpServer.create({ data: { id, name: id, url: servers[id].url, ...about } })
  const start = async () => startBroker({ db, databaseUrl, port: await freePort(), portalUrl, encryptionKey })
  const brokers: readonly [TestBroker, TestBroker] = [await start(), await start()]
  onCleanup(async () => {
    for (const { broker, stop } of brokers) {
      broker.abort()
      await stop()
    }
    for (const server of Object.values(servers)) server.stop()
  })
  // Both have looked at all, and know by that whether a server keeps events.
  for (const { broker } of brokers) {
    const { discovery, keeper } = broker
    for (const id of ids) {
      await until(() => keeper.view.servers.has(id))
      await discovery.discover(keeper.view.servers.get(id)!)
    }
    await until(() => [...keeper.view.servers.values()].every(({ tools }) => tools.size === 5))
  }
  return { servers, brokers }
})
type World = { brokers: readonly [TestBroker, TestBroker] }

/** An agent that may use what it has a grant of by its name at the merged address, and nothing else. */
async function caller(db: Db, { brokers }: World, names: readonly string[]) {
  const agent = await makeAgent(db)
  const grants: Record<string, string> = {}
  for (const name of names) {
    const [serverId, toolName] = name.split('__') as [string, string]
    grants[name] = await makeGrant(db, { agentId: agent.agentId, serverId, toolName })
  }
  for (const { broker } of brokers) await broker.keeper.refresh()
  const at = async (url: string) => new RawAgent(`${url}/mcp`, await sessionToken(db, url, agent))
  return { agent, grants, at, here: await at(brokers[0].url), there: await at(brokers[1].url) }
}

const callOf = (name: string, id = 7) => ({ id, method: 'tools/call', params: { name, arguments: {} } })
const resume = (eventId: string, session: Record<string, string>) => ({
  method: 'GET',
  headers: { ...session, 'last-event-id': eventId },
})
const rowsOf = (db: Db) => db.mcpServerSession.findMany({ orderBy: { serverId: 'asc' } })

test('an answer whose connection was lost is there at whichever replica its agent comes back, in the words of the merged address', async ({
  db,
  world,
}) => {
  const { waiting, finish } = world.servers.first
  const { agent, here, there } = await caller(db, world, ['first__linked'])
  for (const back of [here, there]) {
    const session = await here.begin()
    const eventId = await here.lose({ body: callOf('first__linked'), headers: session })
    await until(() => waiting.length === 1)
    const answer = back.ask(resume(eventId, session))
    finish()
    expect((await answer).last).toMatchObject({
      id: 7,
      result: { content: [{ text: 'done' }, { uri: 'wheelhouse:first:file:///done' }] },
    })
  }
  const where = { agentId: agent.agentId, serverId: 'first' }
  const opened = await db.auditEvent.count({ where: { ...where, event: 'mcp.stream_opened' } })
  expect(opened).toBe(2)
  const ends = await db.auditEvent.findMany({ where: { ...where, event: 'mcp.call_allowed', tool: 'linked' } })
  expect(ends.map(({ detail }) => (detail as { outcome: string }).outcome)).toContain('ok')
})

test('of its call it is told over the rest of the stream what it is told over the first, and nothing else', async ({
  db,
  world,
}) => {
  const { waiting, finish } = world.servers.first
  const { here, there } = await caller(db, world, ['first__talking'])
  const params = { name: 'first__talking', arguments: {}, _meta: { progressToken: 'mine' } }
  const talking = { id: 7, method: 'tools/call', params }
  const told = [
    { method: 'notifications/progress', params: { progressToken: 'mine', progress: 1 } },
    { method: 'notifications/elicitation/complete', params: { elicitationId: 'page' } },
    { id: 7, result: { content: [{ text: 'done' }] } },
  ]
  const session = await here.begin()
  const first = await here.send({ body: talking, headers: session })
  await until(() => waiting.length === 1)
  finish()
  expect(await allOf(first.messages)).toMatchObject(told)
  for (const back of [here, there]) {
    const eventId = await here.lose({ body: talking, headers: session })
    await until(() => waiting.length === 1)
    const rest = await back.send(resume(eventId, session))
    finish()
    expect(await allOf(rest.messages)).toMatchObject(told)
  }
})

test('a session has one at each server that keeps events, the same at every replica, and all end with it', async ({
  db,
  world,
}) => {
  const { first, second, plain } = world.servers
  const names = ['first__plain', 'second__plain', 'plain__plain']
  const { here, there } = await caller(db, world, names)
  const session = await here.begin()
  const before = [first, second, plain].map(({ sessions }) => sessions.size)
  const known = (await rowsOf(db)).length
  const calls = names.flatMap((name, index) =>
    [here, there].map((at, where) => at.ask({ body: callOf(name, 10 + index * 2 + where), headers: session })),
  )
  for (const { last } of await Promise.all(calls)) expect(JSON.stringify(last)).toContain('done')
  // Of two that are begun at once one is too many, and ended.
  await until(() => first.sessions.size === before[0]! + 1 && second.sessions.size === before[1]! + 1)
  expect(plain.sessions.size).toBe(before[2])
  const rows = await rowsOf(db)
  expect(rows).toHaveLength(known + 2)
  // Whoever reads the rows has no session.
  const names_ = [...first.sessions.keys(), ...second.sessions.keys(), session['mcp-session-id']!]
  for (const name of names_) expect(JSON.stringify(rows)).not.toContain(name)
  expect((await there.ask({ method: 'DELETE', headers: session })).status).toBe(200)
  await until(() => first.sessions.size === before[0]! && second.sessions.size === before[1]!)
  expect(await rowsOf(db)).toHaveLength(known)
  await until(async () => (await here.ask({ body: callOf('first__plain'), headers: session })).status === 404)
})

test('what it lost it can still cancel', async ({ db, world }) => {
  const { waiting, state, finish } = world.servers.second
  const { here, there } = await caller(db, world, ['second__slow'])
  const session = await here.begin()
  const before = state.cancelled
  await here.lose({ body: callOf('second__slow'), headers: session })
  await until(() => waiting.length === 1)
  const cancelled = { method: 'notifications/cancelled', params: { requestId: 7 } }
  expect((await there.send({ body: cancelled, headers: session })).status).toBe(202)
  await until(() => state.cancelled > before)
  finish()
})

test('what a server asks while nobody listens is asked over the rest of the stream', async ({ db, world }) => {
  const { waiting, finish } = world.servers.first
  const { here, there } = await caller(db, world, ['first__confirm', `first__${methodPrefix}elicitation/create`])
  const session = await here.begin({ elicitation: {} })
  const eventId = await here.lose({ body: callOf('first__confirm'), headers: session })
  await until(() => waiting.length === 1)
  finish()
  const { messages } = await there.send(resume(eventId, session))
  let last: RawMessage = {}
  for await (const message of messages) {
    last = message
    if (message.method !== 'elicitation/create') continue
    const body = { id: message.id, result: { action: 'accept', content: {} } }
    expect((await here.send({ body, headers: session })).status).toBe(202)
  }
  expect(last).toMatchObject({ id: 7, result: { content: [{ text: 'accept' }] } })
})

test('an event is of no use in another session, and its stream ends with the grant', async ({ db, world }) => {
  const { waiting, finish } = world.servers.first
  const { grants, here, there } = await caller(db, world, ['first__slow'])
  const session = await here.begin()
  const eventId = await here.lose({ body: callOf('first__slow'), headers: session })
  await until(() => waiting.length === 1)
  const others = await caller(db, world, ['first__slow'])
  for (const [at, headers] of [
    [here, await here.begin()],
    [others.here, await others.here.begin()],
  ] as const) {
    expect((await at.send(resume(eventId, headers))).status).toBe(400)
  }
  const { status, messages } = await there.send(resume(eventId, session))
  expect(status).toBe(200)
  await db.grant.update({ where: { id: grants['first__slow']! }, data: { revokedAt: new Date() } })
  const told: RawMessage[] = []
  for await (const message of messages) told.push(message)
  expect(told.filter((message) => message.result !== undefined)).toEqual([])
  expect((await there.send(resume(eventId, session))).status).toBe(403)
  finish()
})

test('a server that has forgotten its part is called in a new one, and only its events are lost', async ({
  db,
  world,
}) => {
  const { sessions } = world.servers.first
  const { here, there } = await caller(db, world, ['first__plain'])
  const session = await here.begin()
  const before = new Set(sessions.keys())
  const lost = await here.lose({ body: callOf('first__plain'), headers: session })
  for (const name of sessions.keys()) if (!before.has(name)) sessions.delete(name)
  expect((await there.ask(resume(lost, session))).status).toBe(400)
  for (const at of [here, there, here]) {
    const { last } = await at.ask({ body: callOf('first__plain', 8), headers: session })
    expect(JSON.stringify(last)).toContain('done')
  }
  const begun = [...sessions.keys()].filter((name) => !before.has(name))
  expect(begun).toHaveLength(1)
})

test('the replica that had the call may be killed', async ({ db, databaseUrl, world }) => {
  const { waiting, finish } = world.servers.second
  const { agent, at, there } = await caller(db, world, ['second__plain', 'second__slow'])
  const killed = await startBrokerProcess({ databaseUrl })
  const first = await at(killed.url)
  const session = await first.begin()
  const known = (await rowsOf(db)).length
  // It knows what its servers keep as soon as it has listed their tools.
  await until(async () => {
    await first.ask({ body: callOf('second__plain', 5), headers: session })
    return (await rowsOf(db)).length > known
  })
  const eventId = await first.lose({ body: callOf('second__slow'), headers: session })
  await until(() => waiting.length === 1)
  await killed.kill()
  const answer = there.ask(resume(eventId, session))
  finish()
  expect((await answer).last).toMatchObject({ id: 7, result: { content: [{ text: 'done' }] } })
  const where = { agentId: agent.agentId, event: 'mcp.call_allowed', tool: 'slow' }
  expect(await db.auditEvent.count({ where })).toBe(1)
})
