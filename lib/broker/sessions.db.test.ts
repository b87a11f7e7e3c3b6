import { expect } from 'vitest'
import { encryptionKey, makeAgent, portalUrl, sessionToken, type TestAgent } from '#lib/dev/test/broker.ts'
import { until } from '#lib/dev/test/broker-world.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { makeGrant } from '#lib/dev/test/registry.ts'
import { freePort } from '#lib/dev/ports.ts'
import type { Db } from '#lib/db/client.ts'
import { startFixture } from './testing/fixture/server.ts'
import { RawAgent } from './testing/raw-agent.ts'
import { startBroker } from './testing/start-broker.ts'

const test = dbTest.extend('world', { scope: 'file' }, async ({ db, databaseUrl }, { onCleanup }) => {
  const fixture = await startFixture()
  // Agents that are granted a tool there share one session.
  const shared = await startFixture({ only: 'legacy', events: false })
  const about = { description: '', environment: 'staging', sensitivity: 'internal', demo: true } as const
  for (const [id, { url }] of Object.entries({ fixture, shared }))
    await db.mcpServer.create({ data: { id, name: id, url, ...about } })
  const port = await freePort()
  const start = () => startBroker({ db, databaseUrl, port, portalUrl, encryptionKey })
  const world = { fixture, shared, start, broker: await start() }
  onCleanup(async () => {
    // What nobody answered would wait for long.
    world.broker.broker.abort()
    await world.broker.stop()
    await Promise.all([fixture.stop(), shared.stop()])
  })
  await until(async () => new Set((await db.mcpTool.findMany()).map(({ serverId }) => serverId)).size === 2)
  return world
})

type World = { broker: { url: string; broker: { keeper: { refresh(): Promise<void> } } } }

async function reader(db: Db, world: World): Promise<{ agent: TestAgent; token: string }> {
  const agent = await makeAgent(db)
  await makeGrant(db, { agentId: agent.agentId, serverId: 'fixture' })
  await world.broker.broker.keeper.refresh()
  return { agent, token: await sessionToken(db, world.broker.url, agent) }
}

async function post(world: World, token: string, message: object, session?: string | null) {
  const response = await fetch(`${world.broker.url}/mcp/fixture`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      authorization: `Bearer ${token}`,
      ...(session ? { 'mcp-session-id': session, 'mcp-protocol-version': '2025-11-25' } : {}),
    },
    body: JSON.stringify({ jsonrpc: '2.0', ...message }),
  })
  return { status: response.status, session: response.headers.get('mcp-session-id'), text: await response.text() }
}

const params = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'test', version: '1' } }
const initialize = { id: 1, method: 'initialize', params }
const watch = { id: 2, method: 'resources/subscribe', params: { uri: 'test://watched-resource' } }
const call = { id: 3, method: 'tools/call', params: { name: 'test_simple_text', arguments: {} } }

test('a session outlives its broker, its own one at the server with it', async ({ db, world }) => {
  const { token } = await reader(db, world)
  const { session } = await post(world, token, initialize)
  expect(session).toMatch(/^[\x21-\x7E]+$/)
  expect((await post(world, token, watch, session)).text).toContain('"result":{}')
  await world.broker.stop()
  world.broker = await world.start()
  const began = world.fixture.received.filter((method) => method === 'initialize').length
  expect(await post(world, token, call, session)).toMatchObject({ status: 200 })
  expect(world.fixture.received.filter((method) => method === 'initialize')).toHaveLength(began)
})

test('a session is its agent’s alone, and ends when it is deleted', async ({ db, world }) => {
  const [one, other] = [await reader(db, world), await reader(db, world)]
  const { session } = await post(world, one.token, initialize)
  const refused = async (of: { agent: TestAgent; token: string }, message: object, name: string | null) => {
    const { status, text } = await post(world, of.token, message, name)
    const { error } = JSON.parse(text) as { error: { code: number; data: { rule: string; decision: string } } }
    const row = await db.auditEvent.findFirst({ where: { id: error.data.decision } })
    expect(row).toMatchObject({ event: 'mcp.caller_refused', decision: 'deny', rule: error.data.rule })
    expect(row).toMatchObject({ agentId: of.agent.agentId, serverId: 'fixture' })
    return [status, error.code, error.data.rule]
  }
  const unknown = [404, -32001, 'session_not_found']
  for (const message of [call, { id: 4, method: 'ping' }, { method: 'notifications/initialized' }]) {
    expect(await refused(other, message, session)).toEqual(unknown)
    expect(await refused(one, message, `${session}x`)).toEqual(unknown)
  }
  for (const method of ['GET', 'DELETE']) {
    const headers = { authorization: `Bearer ${other.token}`, 'mcp-session-id': session ?? '' }
    const answer = await fetch(`${world.broker.url}/mcp/fixture`, { method, headers })
    const { error } = (await answer.json()) as { error: { data: { rule: string } } }
    expect([answer.status, error.data.rule]).toEqual([404, 'session_not_found'])
  }
  // Whoever insists is counted.
  await Promise.all(Array.from({ length: 20 }, () => post(world, other.token, call, session)))
  const where = { event: 'mcp.caller_refused', agentId: other.agent.agentId, rule: 'session_not_found' }
  const counted = async () =>
    (await db.auditEvent.findMany({ where })).reduce((sum, { detail }) => sum + (detail as { count: number }).count, 0)
  await until(async () => (await counted()) === 25)
  expect(await post(world, one.token, call, session)).toMatchObject({ status: 200 })
  const headers = { authorization: `Bearer ${one.token}`, 'mcp-session-id': session ?? '' }
  expect((await fetch(`${world.broker.url}/mcp/fixture`, { method: 'DELETE', headers })).status).toBe(200)
  expect(await post(world, one.token, call, session)).toMatchObject({ status: 404 })
})

test('the state of a call comes back from its own agent only', async ({ db, world }) => {
  const [one, other] = [await reader(db, world), await reader(db, world)]
  for (const { agent } of [one, other]) {
    await makeGrant(db, { agentId: agent.agentId, serverId: 'fixture', toolName: 'method:elicitation/create' })
  }
  await world.broker.broker.keeper.refresh()
  const ask = async (token: string, more: object) => {
    const meta = {
      'io.modelcontextprotocol/protocolVersion': '2026-07-28',
      'io.modelcontextprotocol/clientCapabilities': { elicitation: {} },
    }
    const name = 'test_input_required_result_request_state'
    const body = { jsonrpc: '2.0', id: 5, method: 'tools/call', params: { name, arguments: {}, _meta: meta, ...more } }
    const response = await fetch(`${world.broker.url}/mcp/fixture`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
        authorization: `Bearer ${token}`,
        'mcp-protocol-version': '2026-07-28',
        'mcp-method': 'tools/call',
        'mcp-name': name,
      },
      body: JSON.stringify(body),
    })
    return (await response.json()) as {
      result?: { requestState?: string; content?: unknown }
      error?: { code: number }
    }
  }
  const requestState = (await ask(one.token, {})).result?.requestState
  const answered = { requestState, inputResponses: { confirm: { action: 'accept', content: { ok: true } } } }
  expect((await ask(other.token, answered)).error?.code).toBe(-32602)
  expect(JSON.stringify((await ask(one.token, answered)).result?.content)).toContain('state-ok')
})

const asks = 'test_input_required_result_elicitation'
const elicitation = 'method:elicitation/create'

/** What an agent does next in a session that its server has forgotten; each is told that it is gone. */
const nextIn = {
  call: ({ raw, headers }) => raw.ask({ body: call, headers }),
  stream: ({ raw, headers }) => raw.ask({ method: 'GET', headers }),
  answer: ({ raw, headers, askId }) => {
    const result = { action: 'accept', content: { name: 'Ada' } }
    return raw.ask({ body: { id: askId, result }, headers })
  },
  notification: ({ raw, headers }) => raw.ask({ body: { method: 'notifications/roots/list_changed' }, headers }),
} satisfies Record<string, (at: { raw: RawAgent; headers: Record<string, string>; askId: string }) => Promise<unknown>>

test.for(Object.keys(nextIn) as (keyof typeof nextIn)[])(
  'a session that its server has forgotten is gone for its agent, who begins another one: %s',
  async (next, { db, world }) => {
    const { agent, token } = await reader(db, world)
    await makeGrant(db, { agentId: agent.agentId, serverId: 'fixture', toolName: elicitation })
    await world.broker.broker.keeper.refresh()
    const raw = new RawAgent(`${world.broker.url}/mcp/fixture`, token)
    const capabilities = { elicitation: {}, roots: { listChanged: true } }
    const headers = await raw.begin(capabilities)
    const leaving = new AbortController()
    const asking = { id: 9, method: 'tools/call', params: { name: asks, arguments: {} } }
    const { messages } = await raw.send({ body: asking, headers, signal: leaving.signal })
    const asked = (await messages.next()).value!
    expect(asked.method).toBe('elicitation/create')
    world.fixture.forget()
    const at = { raw, headers, askId: String(asked.id) }
    const first = await nextIn[next](at)
    expect(first).toMatchObject({ status: 404, last: { error: { data: { rule: 'session_ended' } } } })
    // From then on the broker says so itself.
    for (const again of Object.values(nextIn)) expect(await again(at)).toMatchObject({ status: 404 })
    leaving.abort()
    const anew = await raw.begin(capabilities)
    expect(anew['mcp-session-id']).not.toBe(headers['mcp-session-id'])
    expect(JSON.stringify((await raw.ask({ body: call, headers: anew })).last)).toContain('simple text response')
  },
)

test('when a server has forgotten the session that many share, all of their next calls go in one new one', async ({
  db,
  world,
}) => {
  const agents = await Promise.all(
    Array.from({ length: 4 }, async () => {
      const agent = await makeAgent(db)
      await makeGrant(db, { agentId: agent.agentId, serverId: 'shared', toolName: call.params.name })
      return agent
    }),
  )
  await world.broker.broker.keeper.refresh()
  const calls = await Promise.all(
    agents.map(async (agent) => {
      const raw = new RawAgent(`${world.broker.url}/mcp/shared`, await sessionToken(db, world.broker.url, agent))
      const headers = await raw.begin()
      return async (): Promise<string> => JSON.stringify((await raw.ask({ body: call, headers })).last)
    }),
  )
  const begun = (): number => world.shared.received.filter((method) => method === 'initialize').length
  await calls[0]!()
  const before = begun()
  for (const count of [1, 8]) {
    world.shared.forget()
    const answers = await Promise.all(Array.from({ length: count }, (_, at) => calls[at % calls.length]!()))
    expect(answers.filter((answer) => !answer.includes('simple text response'))).toEqual([])
  }
  expect(begun() - before).toBe(2)
})
