import { describe, expect, onTestFinished } from 'vitest'
import { makeAgent, sessionToken } from '#lib/dev/test/broker.ts'
import { until } from '#lib/dev/test/broker-world.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { makeGrant } from '#lib/dev/test/registry.ts'
import type { Db } from '#lib/db/client.ts'
import { modernCall, RawAgent, type RawMessage } from '../testing/raw-agent.ts'
import type { TestBroker } from '../testing/start-broker.ts'
import { leak, secret } from '../testing/talkative-servers.ts'
import { talkativeWorld } from '../testing/talkative-world.ts'

const test = dbTest.extend('world', { scope: 'file' }, async ({ db, databaseUrl }, { onCleanup }) => {
  const { servers, brokers, stop } = await talkativeWorld({ db, databaseUrl }, [{}])
  onCleanup(stop)
  return { servers, broker: brokers[0] }
})
type World = { broker: TestBroker }
type Era = 'modern' | 'legacy'

const reader = (db: Db, world: World, serverId: string, more: readonly string[] = []) =>
  holder(db, world, serverId, [null, ...more])

/** An agent with a grant of each name; null is the whole server. */
async function holder(
  db: Db,
  { broker }: World,
  serverId: string,
  names: readonly (string | null)[],
  path = `/mcp/${serverId}`,
) {
  const agent = await makeAgent(db)
  for (const toolName of names) await makeGrant(db, { agentId: agent.agentId, serverId, toolName })
  await broker.broker.keeper.refresh()
  const token = await sessionToken(db, broker.url, agent)
  return { ...agent, raw: new RawAgent(broker.url + path, token) }
}

/** A call as the era makes it; an agent of 2026-07-28 wants to hear everything. */
async function callOf(raw: RawAgent, era: Era, name: string, capabilities = {}) {
  const meta = { 'io.modelcontextprotocol/logLevel': 'debug' }
  if (era === 'modern') return modernCall(name, { capabilities, meta })
  const headers = await raw.begin(capabilities)
  return { body: { id: 3, method: 'tools/call', params: { name, arguments: {} } }, headers }
}

async function rowsOf(db: Db, agentId: string, tool?: string) {
  const where = { agentId, ...(tool ? { tool } : {}), NOT: { event: 'mcp.stream_opened' } }
  const rows = await db.auditEvent.findMany({ where, orderBy: { seq: 'asc' } })
  return rows.map(({ event, detail }) => ({ event, ...(detail as Record<string, unknown>) }))
}

const found = { masked: { github_token: 1 }, marks: ['instruction_override'] }
const pairs = (['modern', 'legacy'] as const).flatMap((era) =>
  (['modern', 'legacy'] as const).map((serverId) => [era, serverId] as const),
)

describe.each(pairs)('an agent of the %s era, a server of the %s era', (era, serverId) => {
  test.for([
    { capabilities: {}, more: [] },
    { capabilities: { elicitation: {} }, more: ['method:elicitation/create'] },
  ])(
    'what is said before an answer is masked, and told when the call is on the record',
    async ({ capabilities, more }, { db, world }) => {
      const { gate } = world.servers[serverId]
      const { raw, agentId } = await reader(db, world, serverId, more)
      const { messages } = await raw.send(await callOf(raw, era, 'leaky', capabilities))
      const { value: notice } = await messages.next()
      expect(await rowsOf(db, agentId, 'leaky')).toMatchObject([{ event: 'mcp.call_intended', class: 'read' }])
      expect(notice?.method).toBe('notifications/message')
      expect(JSON.stringify(notice)).toContain('[masked: github_token]')
      expect(JSON.stringify(notice)).not.toContain(secret)
      gate.open()
      expect(JSON.stringify((await messages.next()).value)).toContain('leaked')
      expect((await rowsOf(db, agentId, 'leaky')).slice(1)).toMatchObject([
        { event: 'mcp.call_allowed', outcome: 'ok', ...found },
      ])
      await raw.ask(await callOf(raw, era, 'plain', capabilities))
      expect(await rowsOf(db, agentId, 'plain')).toMatchObject([{ event: 'mcp.call_allowed' }])
    },
  )

  test('what a server asks is masked, and found on the record', async ({ db, world }) => {
    const { raw, agentId } = await reader(db, world, serverId, ['method:elicitation/create'])
    const { messages } = await raw.send(await callOf(raw, era, 'asking', { elicitation: {} }))
    const { value: asked } = await messages.next()
    expect(JSON.stringify(asked)).toContain('[masked: github_token]')
    expect(JSON.stringify(asked)).not.toContain(secret)
    expect(await rowsOf(db, agentId, 'elicitation/create')).toMatchObject([{ outcome: 'asked', ...found }])
    if (era === 'legacy') expect((await rowsOf(db, agentId, 'asking'))[0]?.event).toBe('mcp.call_intended')
  })

  test('nothing is told while the record cannot be written', async ({ db, world }) => {
    const { gate } = world.servers[serverId]
    const { raw, agentId } = await reader(db, world, serverId)
    const call = await callOf(raw, era, 'leaky')
    const before = world.servers[serverId].heard.length
    let answered: Promise<RawMessage | undefined>
    await db.$transaction(
      async (tx) => {
        await tx.$executeRaw`lock table "AuditEvent" in access exclusive mode`
        answered = raw.send(call).then(async ({ messages }) => (await messages.next()).value)
        await until(() => world.servers[serverId].heard.length > before)
        const first = await Promise.race([answered, new Promise((resolve) => setTimeout(resolve, 400, 'nothing'))])
        expect(first).toBe('nothing')
      },
      { timeout: 10_000 },
    )
    expect((await answered!)?.method).toBe('notifications/message')
    expect(await rowsOf(db, agentId, 'leaky')).toMatchObject([{ event: 'mcp.call_intended' }])
    gate.open()
  })
})

test('a server whose marked answers are refused says and asks nothing that is marked', async ({ db, world }) => {
  await db.mcpServer.update({ where: { id: 'legacy' }, data: { blockMarked: true } })
  const { raw, agentId } = await reader(db, world, 'legacy', ['method:elicitation/create'])
  const { gate } = world.servers.legacy
  const capabilities = { elicitation: {} }
  const opening = setInterval(() => gate.open(), 20)
  const { messages } = await raw.send(await callOf(raw, 'legacy', 'leaky', capabilities))
  const told = []
  for await (const message of messages) told.push(message)
  clearInterval(opening)
  expect(told).toMatchObject([{ result: {} }])
  expect(await rowsOf(db, agentId, 'leaky')).toMatchObject([
    { event: 'mcp.call_intended' },
    { event: 'mcp.call_allowed', ...found },
  ])
  const { last } = await raw.ask(await callOf(raw, 'legacy', 'asking', capabilities))
  expect(JSON.stringify(last)).toContain('result_marked')
  expect(await rowsOf(db, agentId, 'elicitation/create')).toMatchObject([{ event: 'mcp.call_denied' }])
  await db.mcpServer.update({ where: { id: 'legacy' }, data: { blockMarked: false } })
  await world.broker.broker.keeper.refresh()
})

test('the stream of a session is on the record before its first message, and what is found in it once', async ({
  db,
  world,
}) => {
  const server = world.servers.legacy
  const { raw, agentId } = await reader(db, world, 'legacy')
  const headers = await raw.begin()
  const ending = new AbortController()
  const { messages } = await raw.send({ method: 'GET', headers, signal: ending.signal })
  const say = (data: string) => server.tell({ method: 'notifications/message', params: { level: 'info', data } })
  for (let time = 0; time < 2; time += 1) {
    await say(leak)
    const { value: notice } = await messages.next()
    expect(JSON.stringify(notice)).toContain('[masked: github_token]')
    expect(JSON.stringify(notice)).not.toContain(secret)
    const rows = await db.auditEvent.findMany({
      where: { agentId, event: { startsWith: 'mcp.' } },
      orderBy: { seq: 'asc' },
    })
    expect(rows.map(({ event }) => event)).toEqual(['mcp.stream_opened', 'mcp.notice_guarded'])
    expect(rows[1]!.detail).toMatchObject({ method: 'notifications/message', ...found })
  }
  ending.abort()
})

test('over a stream no name of a method and no token carries a secret past the guards', async ({ db, world }) => {
  const server = world.servers.legacy
  const { raw } = await reader(db, world, 'legacy')
  const headers = await raw.begin()
  const ending = new AbortController()
  const { messages } = await raw.send({ method: 'GET', headers, signal: ending.signal })
  const level = 'info'
  await server.tell({ method: `notifications/${secret}`, params: {} })
  await server.tell({ method: 'notifications/message', params: { level, data: 'one', progressToken: secret } })
  await server.tell({ method: 'notifications/progress', params: { progress: 1, progressToken: secret } })
  const told = [(await messages.next()).value, (await messages.next()).value]
  expect(told.map((message) => message?.method)).toEqual(['notifications/message', 'notifications/progress'])
  expect(JSON.stringify(told)).not.toContain(secret)
  ending.abort()
})

test('over a stream a log is told under a grant of its level only', async ({ db, world }) => {
  const server = world.servers.legacy
  const say = { method: 'notifications/message', params: { level: 'error', data: 'a line' } }
  const changed = { method: 'notifications/resources/list_changed' }
  const level = 'method:logging/setLevel'
  for (const [names, at, first] of [
    [['plain', level], '/mcp/legacy', say.method],
    [['plain', level], '/mcp', say.method],
    [['plain', 'method:resources'], '/mcp/legacy', changed.method],
    [['plain', 'method:resources'], '/mcp', changed.method],
  ] as const) {
    const { raw } = await holder(db, world, 'legacy', names, at)
    const headers = await raw.begin()
    if (first === say.method) {
      const params = { level: 'info' }
      expect((await raw.ask({ body: { id: 2, method: 'logging/setLevel', params }, headers })).last.result).toEqual({})
    }
    const ending = new AbortController()
    const { messages } = await raw.send({ method: 'GET', headers, signal: ending.signal })
    const again = setInterval(() => [say, changed].forEach((message) => void server.tell(message)), 50)
    onTestFinished(() => clearInterval(again))
    expect((await messages.next()).value?.method).toBe(first)
    expect((await messages.next()).value?.method).toBe(first)
    clearInterval(again)
    ending.abort()
  }
})

test('a call waits for the stream that its agent asked for before it', async ({ db, world }) => {
  const server = world.servers.legacy
  const { raw } = await reader(db, world, 'legacy')
  const headers = await raw.begin()
  server.heard.length = 0
  server.streamMs = 200
  const ending = new AbortController()
  const stream = raw.send({ method: 'GET', headers, signal: ending.signal })
  await new Promise((resolve) => setTimeout(resolve, 50))
  const params = { name: 'plain', arguments: {} }
  expect(JSON.stringify((await raw.ask({ body: { id: 2, method: 'tools/call', params }, headers })).last)).toContain(
    'plain',
  )
  expect(server.heard).toEqual(['GET', 'plain'])
  expect((await stream).status).toBe(200)
  server.streamMs = 0
  ending.abort()
})
