import { createHash } from 'node:crypto'
import { expect, onTestFinished } from 'vitest'
import { freePort } from '#lib/dev/ports.ts'
import { encryptionKey, makeAgent, portalUrl, sessionToken } from '#lib/dev/test/broker.ts'
import { until } from '#lib/dev/test/broker-world.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { makeGrant } from '#lib/dev/test/registry.ts'
import type { Db } from '#lib/db/client.ts'
import { noticesIn, RawAgent } from '../testing/raw-agent.ts'
import { startBroker, type TestBroker } from '../testing/start-broker.ts'
import { startModernTalkative } from '../testing/talkative-servers.ts'

/** Two replicas in front of a server that keeps no sessions. */
const test = dbTest.extend('world', { scope: 'file' }, async ({ db, databaseUrl }, { onCleanup }) => {
  const server = await startModernTalkative()
  const about = { description: '', environment: 'staging', sensitivity: 'internal', demo: true } as const
  await db.mcpServer.create({ data: { id: 'modern', name: 'Modern', url: server.url, ...about } })
  const start = async () => startBroker({ db, databaseUrl, port: await freePort(), portalUrl, encryptionKey })
  const brokers: readonly [TestBroker, TestBroker] = [await start(), await start()]
  onCleanup(async () => {
    for (const broker of brokers) await broker.stop()
    server.stop()
  })
  await until(async () => (await db.mcpTool.count({ where: { state: 'approved' } })) === 3)
  return { server, brokers, start }
})

/** An agent, and how it meets a replica. */
async function reader(db: Db, { brokers }: { brokers: readonly TestBroker[] }) {
  const agent = await makeAgent(db)
  await makeGrant(db, { agentId: agent.agentId, serverId: 'modern' })
  const at = async ({ url, broker }: TestBroker) => {
    await broker.keeper.refresh()
    return new RawAgent(`${url}/mcp/modern`, await sessionToken(db, url, agent))
  }
  return { ...agent, at, here: await at(brokers[0]!), there: await at(brokers[1]!) }
}

test('how much is logged, said to one replica, holds at every other one, and at one that starts later', async ({
  db,
  world,
}) => {
  const { here, there, at } = await reader(db, world)
  const headers = await here.begin()
  const opening = setInterval(() => world.server.gate.open(), 10)
  onTestFinished(() => clearInterval(opening))
  const notices = async (raw: RawAgent): Promise<number> => {
    const params = { name: 'leaky', arguments: {} }
    return noticesIn(await raw.send({ body: { id: 3, method: 'tools/call', params }, headers }))
  }
  const say = (raw: RawAgent, level: string) =>
    raw.ask({ body: { id: 2, method: 'logging/setLevel', params: { level } }, headers })
  // The other one has met the session before.
  expect(await notices(there)).toBe(1)
  expect((await say(here, 'emergency')).last).toMatchObject({ result: {} })
  expect(await notices(here)).toBe(0)
  await until(async () => (await notices(there)) === 0)
  expect((await say(there, 'debug')).last).toMatchObject({ result: {} })
  await until(async () => (await notices(here)) === 1)
  expect((await say(here, 'loud')).last.error).toMatchObject({ code: -32602, data: { rule: 'params_invalid' } })
  expect((await say(there, 'critical')).last).toMatchObject({ result: {} })
  const later = await world.start()
  expect(await notices(await at(later))).toBe(0)
  await later.stop()
})

test('what is watched through one replica is told over the stream at the other', async ({ db, world }) => {
  const { here, there } = await reader(db, world)
  const headers = await here.begin()
  const ending = new AbortController()
  const { messages } = await there.send({ method: 'GET', headers, signal: ending.signal })
  const uris = ['doc://rules', 'doc://more']
  const again = setInterval(() => uris.forEach((uri) => void world.server.tell({ params: { uri } })), 50)
  onTestFinished(() => {
    clearInterval(again)
    ending.abort()
  })
  const watch = (method: string, uri: string) =>
    here.ask({ body: { id: 2, method: `resources/${method}`, params: { uri } }, headers })
  const next = async () => (await messages.next()).value?.params?.['uri']
  expect((await watch('subscribe', uris[0]!)).last.result).toEqual({})
  expect(await next()).toBe(uris[0])
  // Two at once: neither is lost.
  await Promise.all([watch('subscribe', uris[1]!), watch('unsubscribe', uris[0]!)])
  await until(async () => (await next()) === uris[1])
  const { watched } = (await db.mcpSession.findMany({ orderBy: { changedAt: 'desc' }, take: 1 }))[0]!
  expect(watched).toEqual([uris[1]])
  for (const uri of ['doc://\0', 'x'.repeat(2001)]) {
    const { error } = (await watch('subscribe', uri)).last
    expect(error).toMatchObject({ code: -32602, data: { rule: 'params_invalid' } })
  }
})

test('a session that is deleted at one replica is over at the other', async ({ db, world }) => {
  const { here, there, at } = await reader(db, world)
  const headers = await here.begin()
  const call = { id: 3, method: 'tools/call', params: { name: 'plain', arguments: {} } }
  expect((await there.ask({ body: call, headers })).status).toBe(200)
  expect((await here.send({ method: 'DELETE', headers })).status).toBe(200)
  await until(async () => (await there.ask({ body: call, headers })).status === 404)
  const later = await world.start()
  expect((await (await at(later)).ask({ body: call, headers })).status).toBe(404)
  await later.stop()
})

test('two who meet a session at once meet the same, which is told what is said about it', async ({ db, world }) => {
  const { agentId, runId, here } = await reader(db, world)
  const headers = await here.begin()
  const name = headers['mcp-session-id']!
  const owner = { caller: { agentId, version: 1, runId }, serverId: 'modern', url: world.server.url }
  const { sessions } = world.brokers[1].broker.conversations
  const [one, other] = await Promise.all([sessions.find(name, owner), sessions.find(name, owner)])
  expect(one).not.toBeNull()
  expect(one).toBe(other)
  await here.ask({ body: { id: 2, method: 'logging/setLevel', params: { level: 'error' } }, headers })
  await until(() => one!.logLevel === 'error')
})

test('while it cannot be read whether a session is over, it is not met; and what was missed is read later', async ({
  db,
  world,
}) => {
  const { here, there, at } = await reader(db, world)
  const headers = await here.begin()
  const call = { id: 3, method: 'tools/call', params: { name: 'plain', arguments: {} } }
  expect((await there.ask({ body: call, headers })).status).toBe(200)
  const later = await world.start()
  const newcomer = await at(later)
  const name = headers['mcp-session-id']!
  const key = createHash('sha256').update(name).digest('base64url')
  await db.$executeRaw`alter table "McpSession" rename to "Hidden"`
  try {
    expect((await newcomer.ask({ body: call, headers })).status).toBe(503)
    // It was said so long ago that no look at what has changed finds it.
    await db.$executeRaw`
      insert into "Hidden" ("session", "endedAt", "changedAt") values (${key}, now(), now() - interval '1 hour')`
    world.brokers[1].broker.conversations.nudge(`session:${key}`)
    expect((await there.ask({ body: call, headers })).status).toBe(200)
  } finally {
    await db.$executeRaw`alter table "Hidden" rename to "McpSession"`
  }
  await until(async () => (await there.ask({ body: call, headers })).status === 404)
  expect((await newcomer.ask({ body: call, headers })).status).toBe(404)
  await later.stop()
})

test('what one session watches is bounded in all', async ({ db, world }) => {
  const { here } = await reader(db, world)
  const headers = await here.begin()
  const codes: unknown[] = []
  for (let count = 0; count < 110; count += 1) {
    const params = { uri: `doc://${count}/`.padEnd(1990, 'x') }
    codes.push((await here.ask({ body: { id: 2, method: 'resources/subscribe', params }, headers })).last.error?.code)
  }
  expect(codes.filter((code) => code === undefined)).toHaveLength(100)
})
