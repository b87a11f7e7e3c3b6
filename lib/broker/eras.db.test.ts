import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import { describe, expect } from 'vitest'
import { encryptionKey, makeAgent, portalUrl, sessionToken, type TestAgent } from '#lib/dev/test/broker.ts'
import { type Era, until } from '#lib/dev/test/broker-world.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { makeGrant } from '#lib/dev/test/registry.ts'
import { freePort } from '#lib/dev/ports.ts'
import type { Db } from '#lib/db/client.ts'
import { askMethods, methodPrefix } from '#lib/registry/schema.ts'
import { mergedAddress } from './merged-addresses.ts'
import { mergedName } from './merged-names.ts'
import { startFixture } from './testing/fixture/server.ts'
import { startBroker } from './testing/start-broker.ts'

const test = dbTest.extend('world', { scope: 'file' }, async ({ db, databaseUrl }, { onCleanup }) => {
  const servers = { modern: await startFixture({ only: 'modern' }), legacy: await startFixture({ only: 'legacy' }) }
  const about = { description: '', environment: 'staging', sensitivity: 'internal', demo: true } as const
  for (const [id, { url }] of Object.entries(servers))
    await db.mcpServer.create({ data: { id, name: id, url, ...about } })
  const broker = await startBroker({ db, databaseUrl, port: await freePort(), portalUrl, encryptionKey })
  onCleanup(async () => {
    await broker.stop()
    await Promise.all(Object.values(servers).map((server) => server.stop()))
  })
  await until(async () => new Set((await db.mcpTool.findMany()).map(({ serverId }) => serverId)).size === 2)
  return { broker, servers }
})

type World = { broker: Awaited<ReturnType<typeof startBroker>> }

/** An agent that may read all of the server and, unless left out, be asked everything. */
function grantedAgent(db: Db, world: World, options: { serverId: string; asked?: boolean }): Promise<TestAgent> {
  const { serverId, asked = true } = options
  return agentWith(db, world, {
    serverId,
    names: [null, ...(asked ? askMethods.map((name) => methodPrefix + name) : [])],
  })
}

/** An agent with a grant of each name; null is the whole server. */
async function agentWith(
  db: Db,
  world: World,
  { serverId, names }: { serverId: string; names: readonly (string | null)[] },
): Promise<TestAgent> {
  const agent = await makeAgent(db)
  for (const toolName of names) await makeGrant(db, { agentId: agent.agentId, serverId, toolName })
  await world.broker.broker.keeper.refresh()
  return agent
}

/** A client that answers whatever it is asked. */
async function connect(db: Db, world: World, options: { agent: TestAgent; path: string; era: Era }) {
  const { agent, path, era } = options
  const mode = era === 'modern' ? { pin: '2026-07-28' } : 'legacy'
  const capabilities = { elicitation: {}, sampling: {}, roots: {} }
  const client = new Client({ name: 'test-agent', version: '1' }, { versionNegotiation: { mode }, capabilities })
  const asked: string[] = []
  client.setRequestHandler('elicitation/create', ({ params }) => {
    asked.push(`elicitation: ${params.message}`)
    return { action: 'accept', content: { name: 'Ada', color: 'blue' } }
  })
  client.setRequestHandler('sampling/createMessage', () => {
    asked.push('sampling')
    return { role: 'assistant', content: { type: 'text', text: 'Paris' }, model: 'test' }
  })
  client.setRequestHandler('roots/list', () => {
    asked.push('roots')
    return { roots: [{ uri: 'file:///work' }] }
  })
  const token = await sessionToken(db, world.broker.url, agent)
  const requestInit = { headers: { authorization: `Bearer ${token}` } }
  await client.connect(new StreamableHTTPClientTransport(new URL(world.broker.url + path), { requestInit }))
  return { client, asked }
}

const pairs = (['modern', 'legacy'] as const).flatMap((era) =>
  (['modern', 'legacy'] as const).flatMap((serverId) =>
    [`/mcp/${serverId}`, '/mcp'].map((path) => [era, serverId, path] as const),
  ),
)

describe.each(pairs)('an agent of the %s era, a server of the %s era, at %s', (era, serverId, path) => {
  const named = (tool: string): string => (path === '/mcp' ? mergedName(serverId, tool) : tool)

  test('progress comes under the name the agent gave, before the answer', async ({ db, world }) => {
    const agent = await grantedAgent(db, world, { serverId })
    const { client } = await connect(db, world, { agent, path, era })
    const seen: number[] = []
    const onprogress = ({ progress }: { progress: number }): void => void seen.push(progress)
    const answer = await client.callTool({ name: named('test_tool_with_progress') }, { onprogress })
    expect(answer.content).toEqual([{ type: 'text', text: 'done' }])
    expect(seen).toEqual([0, 50, 100])
    await client.close()
  })

  const talks = 'test_tool_with_logging'
  const elicitation = `${methodPrefix}elicitation/create`

  test.for([
    { what: 'one tool', names: [talks], hears: false },
    { what: 'one tool and to be asked', names: [talks, elicitation], hears: false },
    { what: 'one tool and the resources', names: [talks, `${methodPrefix}resources`], hears: false },
    { what: 'one tool and the level of logs', names: [talks, `${methodPrefix}logging/setLevel`], hears: true },
    {
      what: 'one tool, to be asked and the level',
      names: [talks, elicitation, `${methodPrefix}logging/setLevel`],
      hears: true,
    },
    { what: 'the whole server', names: [null], hears: true },
  ])('whether the agent hears its log says its grant: $what', async ({ names, hears }, { db, world }) => {
    const { levels } = world.servers[serverId]
    levels.length = 0
    const agent = await agentWith(db, world, { serverId, names })
    const { client } = await connect(db, world, { agent, path, era })
    const logged: unknown[] = []
    client.setNotificationHandler('notifications/message', ({ params }) => void logged.push(params.data))
    const call = async () => {
      const _meta = era === 'modern' ? { 'io.modelcontextprotocol/logLevel': 'debug' } : {}
      expect((await client.callTool({ name: named(talks), _meta })).content).toEqual([{ type: 'text', text: 'done' }])
    }
    await call()
    const lines = ['Tool execution started', 'Tool processing data', 'Tool execution completed']
    // A server of 2026-07-28 logs nothing that was not asked for.
    const early = hears && (era === 'modern' || serverId === 'legacy') ? lines : []
    expect(logged).toEqual(early)
    if (era === 'legacy') {
      const saying = client.setLoggingLevel('debug')
      if (hears) await saying
      else await expect(saying).rejects.toThrow()
      await call()
      expect(logged).toEqual(hears ? [...early, ...lines] : [])
    }
    if (!hears) expect(levels).toEqual([])
    await client.close()
  })

  test('the agent is asked for input, for a sample and for its roots, each on the record first', async ({
    db,
    world,
  }) => {
    const agent = await grantedAgent(db, world, { serverId })
    const { client, asked } = await connect(db, world, { agent, path, era })
    const call = async (name: string) => JSON.stringify((await client.callTool({ name: named(name) })).content)
    expect(await call('test_input_required_result_elicitation')).toContain('Hello, Ada!')
    expect(await call('test_input_required_result_sampling')).toContain('Paris')
    expect(await call('test_input_required_result_list_roots')).toContain('file:///work')
    expect(await call('test_input_required_result_multi_round')).toContain('both answered')
    expect(asked).toEqual([
      'elicitation: What is your name?',
      'sampling',
      'roots',
      'elicitation: Step 1: What is your name?',
      'elicitation: Step 2: What is your favorite color?',
    ])
    const rows = await db.auditEvent.findMany({
      where: { agentId: agent.agentId, tool: { in: [...askMethods] } },
      orderBy: { seq: 'asc' },
    })
    const asks = rows.filter(({ detail }) => (detail as { outcome: string }).outcome === 'asked')
    expect(asks.map(({ tool, event, detail }) => [tool, event, (detail as { outcome: string }).outcome])).toEqual([
      ['elicitation/create', 'mcp.call_allowed', 'asked'],
      ['sampling/createMessage', 'mcp.call_allowed', 'asked'],
      ['roots/list', 'mcp.call_allowed', 'asked'],
      ['elicitation/create', 'mcp.call_allowed', 'asked'],
      ['elicitation/create', 'mcp.call_allowed', 'asked'],
    ])
    await client.close()
  })

  test('a grant of the whole server does not let the agent be asked', async ({ db, world }) => {
    const agent = await grantedAgent(db, world, { serverId, asked: false })
    const { client, asked } = await connect(db, world, { agent, path, era })
    const answer = await client
      .callTool({ name: named('test_input_required_result_sampling') })
      .catch((error: unknown) => error)
    expect(JSON.stringify(answer)).not.toContain('Paris')
    expect(asked).toEqual([])
    await client.close()
  })

  test('what is watched is told, in the words of the era', async ({ db, world }) => {
    const agent = await grantedAgent(db, world, { serverId })
    const { client } = await connect(db, world, { agent, path, era })
    const told: string[] = []
    client.setNotificationHandler('notifications/resources/updated', ({ params }) => void told.push(params.uri))
    const own = 'test://watched-resource'
    const uri = path === '/mcp' ? mergedAddress(serverId, own) : own
    const listening = era === 'modern' ? await client.listen({ resourceSubscriptions: [uri] }) : null
    if (!listening) await client.subscribeResource({ uri })
    const again = setInterval(() => void world.servers[serverId].updated(own), 100)
    await until(() => told.length > 0)
    clearInterval(again)
    expect(told[0]).toBe(uri)
    await listening?.close()
    await client.close()
  })

  test('an order to stop ends the streams of the agent', async ({ db, world }) => {
    const agent = await grantedAgent(db, world, { serverId })
    const { client } = await connect(db, world, { agent, path, era })
    if (era === 'modern') await client.listen({ toolsListChanged: true })
    const { streams } = world.broker.broker.conversations
    await until(() => streams.countOf(agent.agentId) === 1)
    await db.stopOrder.create({
      data: { scope: 'agent', targetId: agent.agentId, reason: 'drill', orderedByName: 'Ola' },
    })
    await until(() => streams.countOf(agent.agentId) === 0)
    await client.close()
  })
})
