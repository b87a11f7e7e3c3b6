import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import { expect } from 'vitest'
import type { Db } from '#lib/db/client.ts'
import { freePort } from '#lib/dev/ports.ts'
import { encryptionKey, makeAgent, portalUrl, sessionToken } from '#lib/dev/test/broker.ts'
import { until } from '#lib/dev/test/broker-world.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { makeGrant } from '#lib/dev/test/registry.ts'
import { page, startModernPageServer, startPageServer } from '../testing/page-server.ts'
import { allOf, modernCall, RawAgent } from '../testing/raw-agent.ts'
import { startBroker, type TestBroker } from '../testing/start-broker.ts'

const test = dbTest.extend('world', { scope: 'file' }, async ({ db, databaseUrl }, { onCleanup }) => {
  const server = await startPageServer()
  const modern = await startModernPageServer()
  const about = { description: '', environment: 'staging', sensitivity: 'internal', demo: true } as const
  for (const [id, { url }] of Object.entries({ pages: server, modern }))
    await db.mcpServer.create({ data: { id, name: id, url, ...about } })
  const broker = await startBroker({ db, databaseUrl, port: await freePort(), portalUrl, encryptionKey })
  onCleanup(async () => {
    broker.broker.abort()
    await broker.stop()
    server.stop()
    modern.stop()
  })
  await until(async () => (await db.mcpTool.count({ where: { state: 'approved' } })) === 5)
  return { server, broker }
})

/** May call the tools, and may be asked if `asked`. */
async function caller(db: Db, { broker, url }: TestBroker, { asked }: { asked: boolean }) {
  const agent = await makeAgent(db)
  const { agentId } = agent
  const more = asked ? ['method:elicitation/create'] : []
  for (const toolName of ['signed', 'later', 'stray', 'consent', ...more])
    await makeGrant(db, { agentId, serverId: 'pages', toolName })
  for (const toolName of ['consent', ...more]) await makeGrant(db, { agentId, serverId: 'modern', toolName })
  await broker.keeper.refresh()
  const at = async (path: string) => new RawAgent(`${url}/mcp${path}`, await sessionToken(db, url, agent))
  return { ...agent, own: await at('/pages'), modern: await at('/modern'), merged: await at('') }
}

const called = (name: string) => ({ id: 7, method: 'tools/call', params: { name, arguments: {} } })
const opens = { elicitation: { url: {} } }

async function asksOf(db: Db, agentId: string) {
  const where = { agentId, tool: 'elicitation/create' }
  const rows = await db.auditEvent.findMany({ where, orderBy: { seq: 'asc' } })
  return rows.map(({ rule, detail }) => rule ?? (detail as { outcome: string }).outcome)
}

test('pages that a server wants opened are an agent’s to see by the grant to be asked, each on the record', async ({
  db,
  world,
}) => {
  const { agentId, own, merged } = await caller(db, world.broker, { asked: true })
  for (const [raw, name] of [
    [own, 'signed'],
    [merged, 'pages__signed'],
  ] as const) {
    const headers = await raw.begin(opens)
    const { last } = await raw.ask({ body: called(name), headers })
    const at = { mode: 'url', url: page, message: 'Sign in first.', elicitationId: expect.any(String) }
    expect(last.error).toEqual({ code: -32_042, message: expect.any(String), data: { elicitations: [at] } })
  }
  expect(await asksOf(db, agentId)).toEqual(['asked', 'asked'])
})

test('without that grant the call is refused by it, and the agent sees no page', async ({ db, world }) => {
  const { agentId, own } = await caller(db, world.broker, { asked: false })
  const { last } = await own.ask({ body: called('signed'), headers: await own.begin(opens) })
  expect(JSON.stringify(last)).not.toContain('sign.example')
  expect(last).toMatchObject({ result: { isError: true, _meta: { 'wheelhouse/denial': { rule: 'grant_missing' } } } })
  expect(await asksOf(db, agentId)).toEqual(['grant_missing'])
})

test.for([
  ['stray', opens, 'upstream_unavailable'],
  ['signed', { elicitation: {} }, 'method_not_brokered'],
] as const)(
  'nothing that is no page, and no page for an agent that opens none, is passed on (%s)',
  async ([name, declared, rule], { db, world }) => {
    const { agentId, own } = await caller(db, world.broker, { asked: true })
    const { last } = await own.ask({ body: called(name), headers: await own.begin(declared) })
    expect(JSON.stringify(last)).not.toContain('sign.example')
    expect(last).toMatchObject({ result: { isError: true, _meta: { 'wheelhouse/denial': { rule } } } })
    expect(await asksOf(db, agentId)).toEqual([])
  },
)

test('an agent of 2026-07-28 is asked by a result, and the call is made again without what it answered', async ({
  db,
  world,
  onTestFinished,
}) => {
  const { server, broker } = world
  const agent = await caller(db, broker, { asked: true })
  const client = new Client(
    { name: 'test-agent', version: '1' },
    { versionNegotiation: { mode: { pin: '2026-07-28' } }, capabilities: opens },
  )
  const seen: unknown[] = []
  let action: 'accept' | 'decline' = 'decline'
  client.setRequestHandler('elicitation/create', ({ params }) => {
    seen.push(params)
    server.state.opened = action === 'accept'
    return { action }
  })
  const requestInit = { headers: { authorization: `Bearer ${await sessionToken(db, broker.url, agent)}` } }
  await client.connect(new StreamableHTTPClientTransport(new URL(`${broker.url}/mcp/pages`), { requestInit }))
  onTestFinished(async () => {
    server.state.opened = false
    await client.close()
  })
  const call = async () => await client.callTool({ name: 'signed', arguments: {} })
  server.calls.length = 0
  await expect(call()).rejects.toThrow('A page must be opened.')
  action = 'accept'
  expect(await call()).toMatchObject({ content: [{ text: 'done' }] })
  const asked = { mode: 'url', url: page, message: 'Sign in first.' }
  expect(seen).toEqual([asked, asked])
  expect(server.calls).toHaveLength(4)
  expect(JSON.stringify(server.calls)).not.toMatch(/inputResponses|requestState|decline|accept/)
  // What was asked, what was answered, and that it was asked again after the no.
  expect(await asksOf(db, agent.agentId)).toEqual(['asked', 'ok', 'asked', 'asked', 'ok'])
})

test.for([true, false])(
  'pages at the end of a stream that is resumed take the grant, too (%s)',
  async (asked, { db, world }) => {
    const { waiting, finish } = world.server
    const { agentId, own } = await caller(db, world.broker, { asked })
    const session = await own.begin(opens)
    const eventId = await own.lose({ body: called('later'), headers: session })
    await until(() => waiting.length === 1)
    const answer = own.ask({ method: 'GET', headers: { ...session, 'last-event-id': eventId } })
    finish()
    const { last } = await answer
    expect(JSON.stringify(last).includes('sign.example')).toBe(asked)
    expect(last).toMatchObject(
      asked
        ? { id: 7, error: { code: -32_042, data: { elicitations: [{ url: page }] } } }
        : { id: 7, result: { isError: true, _meta: { 'wheelhouse/denial': { rule: 'grant_missing' } } } },
    )
    // Whoever still reads for an agent that has gone decides about it, too.
    expect(new Set(await asksOf(db, agentId))).toEqual(new Set([asked ? 'asked' : 'grant_missing']))
  },
)

test.for(['own', 'modern'] as const)(
  'an agent with a session is asked for a page under an id, whatever its server’s era (%s)',
  async (at, { db, world }) => {
    const { agentId, [at]: raw } = await caller(db, world.broker, { asked: true })
    const headers = await raw.begin(opens)
    const { messages } = await raw.send({ body: called('consent'), headers })
    const { value: ask } = await messages.next()
    const asked = { mode: 'url', url: page, message: 'Sign in first.', elicitationId: expect.any(String) }
    expect(ask).toMatchObject({ method: 'elicitation/create', params: asked })
    await raw.ask({ body: { id: ask!.id, result: { action: 'accept' } }, headers })
    const rest = await allOf(messages)
    const { elicitationId } = ask!.params!
    const complete = { method: 'notifications/elicitation/complete', params: { elicitationId } }
    expect(rest).toMatchObject([
      ...(at === 'own' ? [complete] : []),
      { id: 7, result: { content: [{ text: 'accept' }] } },
    ])
    expect(await asksOf(db, agentId)).toEqual(['asked', 'ok'])
  },
)

test('an agent of 2026-07-28 is asked for a page without an id, whatever its server’s era', async ({ db, world }) => {
  const { own, modern } = await caller(db, world.broker, { asked: true })
  for (const raw of [own, modern]) {
    const { last } = await raw.ask(modernCall('consent', { capabilities: opens }))
    const [ask] = Object.values(last.result?.['inputRequests'] as Record<string, unknown>)
    expect(ask).toEqual({ method: 'elicitation/create', params: { mode: 'url', url: page, message: 'Sign in first.' } })
  }
})
