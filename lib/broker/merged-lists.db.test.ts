import type { Client } from '@modelcontextprotocol/client'
import fc from 'fast-check'
import { describe, expect } from 'vitest'
import type { Db } from '#lib/db/client.ts'
import { freePort } from '#lib/dev/ports.ts'
import { encryptionKey, makeAgent, portalUrl } from '#lib/dev/test/broker.ts'
import { agentSession, type Era, lastEvent, until } from '#lib/dev/test/broker-world.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { makeGrant } from '#lib/dev/test/registry.ts'
import { shelfKey, startLibraries } from './testing/libraries.ts'
import { startBroker } from './testing/start-broker.ts'

const test = dbTest.extend('world', { scope: 'file' }, async ({ db, databaseUrl }, { onCleanup }) => {
  const libraries = await startLibraries(db)
  // The server that is silent stays one that is asked.
  const limits = { listDeadlineMs: 3000, circuitFailures: 100 }
  const broker = await startBroker({ db, databaseUrl, port: await freePort(), portalUrl, encryptionKey, limits })
  onCleanup(async () => {
    await broker.stop()
    libraries.stop()
  })
  await until(async () => (await db.mcpTool.count()) === 4)
  return { broker }
})

type World = { broker: Awaited<ReturnType<typeof startBroker>> }
type Grant = { serverId: string; toolName: string | null }

/** A session at the merged endpoint of a new agent with these grants. */
async function merged(db: Db, world: World, { grants, era = 'modern' }: { grants: readonly Grant[]; era?: Era }) {
  const agent = await makeAgent(db)
  for (const grant of grants) await makeGrant(db, { agentId: agent.agentId, ...grant })
  return { agent, client: await agentSession(db, world, { agent, serverId: null, era }) }
}

const whole = (...ids: string[]): Grant[] => ids.map((serverId) => ({ serverId, toolName: null }))

describe.each(['modern', 'legacy'] as const)('the merged endpoint for an agent of the %s era', (era) => {
  test('lists the prompts of every server and gets each from its own, on the record', async ({ db, world }) => {
    const { agent, client } = await merged(db, world, { grants: whole('west', 'east'), era })
    expect(client.getServerCapabilities()).toMatchObject({ tools: {}, prompts: {}, resources: {}, completions: {} })
    const { prompts } = await client.listPrompts()
    expect(prompts.map(({ name }) => name)).toEqual(['east__greet', 'east__bye', 'west__greet', 'west__bye'])
    for (const serverId of ['east', 'west']) {
      const { messages } = await client.getPrompt({ name: `${serverId}__greet`, arguments: { city: 'Oslo' } })
      expect(messages).toMatchObject([
        { content: { text: `Hello from ${serverId}` } },
        { content: { type: 'resource', resource: { uri: `wheelhouse:${serverId}:doc://rules` } } },
      ])
      expect(await lastEvent(db, agent.agentId)).toMatchObject({
        event: 'mcp.call_allowed',
        serverId,
        tool: 'prompts/get',
        runId: agent.runId,
      })
      const ref = { type: 'ref/prompt', name: `${serverId}__greet` } as const
      const { completion } = await client.complete({ ref, argument: { name: 'city', value: 'Pa' } })
      expect(completion.values).toEqual([`Paris ${serverId}`])
    }
    const listed = await db.auditEvent.findMany({ where: { agentId: agent.agentId, tool: 'prompts/list' } })
    expect(new Set(listed.map((row) => `${row.event} ${row.serverId}`))).toEqual(
      new Set(['mcp.call_allowed east', 'mcp.call_allowed west']),
    )
    await client.close()
  })

  test('lists resources and templates of the same addresses, and reads each at the address it shows', async ({
    db,
    world,
  }) => {
    const { agent, client } = await merged(db, world, { grants: whole('west', 'east'), era })
    const { resources } = await client.listResources()
    expect(resources.map(({ uri }) => uri)).toEqual(
      ['east', 'west'].flatMap((id) => [`wheelhouse:${id}:doc://rules`, `wheelhouse:${id}:doc://key`]),
    )
    const { resourceTemplates } = await client.listResourceTemplates()
    expect(resourceTemplates.map(({ uriTemplate }) => uriTemplate)).toEqual([
      'wheelhouse:east:doc://page/{number}',
      'wheelhouse:west:doc://page/{number}',
    ])
    for (const serverId of ['east', 'west']) {
      const tool = await client.callTool({ name: `${serverId}__look`, arguments: {} })
      const [link, embedded] = tool.content as unknown as [{ uri: string }, { resource: { uri: string } }]
      const uri = `wheelhouse:${serverId}:doc://rules`
      expect([link.uri, embedded.resource.uri]).toEqual([uri, uri])
      expect((await client.readResource({ uri })).contents).toEqual([{ uri, text: `rules of ${serverId}` }])
      expect(await lastEvent(db, agent.agentId)).toMatchObject({
        event: 'mcp.call_allowed',
        serverId,
        tool: 'resources/read',
      })
      const page = await client.readResource({ uri: `wheelhouse:${serverId}:doc://page/7` })
      expect(page.contents).toMatchObject([{ text: `page 7 of ${serverId}` }])
      const ref = { type: 'ref/resource', uri: `wheelhouse:${serverId}:doc://page/{number}` } as const
      const { completion } = await client.complete({ ref, argument: { name: 'number', value: '7' } })
      expect(completion.values).toEqual([`7 of ${serverId}`])
      const { contents } = await client.readResource({ uri: `wheelhouse:${serverId}:doc://key` })
      expect(JSON.stringify(contents)).not.toContain(shelfKey)
      expect(contents).toMatchObject([{ text: expect.stringContaining('[masked:') }])
    }
    await client.close()
  })

  test('refuses what is not granted, what was revoked meanwhile and what names no server, by rule and on the record', async ({
    db,
    world,
  }) => {
    const { agent, client } = await merged(db, world, { grants: whole('east'), era })
    await expect(client.readResource({ uri: 'wheelhouse:west:doc://rules' })).rejects.toMatchObject({
      data: { rule: 'grant_missing' },
    })
    expect(await lastEvent(db, agent.agentId)).toMatchObject({ event: 'mcp.call_denied', serverId: 'west' })
    await expect(client.getPrompt({ name: 'west__bye' })).rejects.toMatchObject({ data: { rule: 'grant_missing' } })
    for (const ask of [
      () => client.readResource({ uri: 'doc://rules' }),
      () => client.readResource({ uri: 'wheelhouse:gone:doc://rules' }),
      () => client.getPrompt({ name: 'bye' }),
      () => client.complete({ ref: { type: 'ref/prompt', name: 'gone__bye' }, argument: { name: 'x', value: '' } }),
    ]) {
      await expect(ask()).rejects.toMatchObject({ code: -32602, data: { rule: 'server_unknown' } })
      expect(await lastEvent(db, agent.agentId)).toMatchObject({ event: 'mcp.call_denied', rule: 'server_unknown' })
    }
    await expect(client.getPrompt({ name: 'east__gone' })).rejects.toThrow(/gone/)
    await db.grant.updateMany({ where: { agentId: agent.agentId }, data: { revokedAt: new Date() } })
    await world.broker.broker.keeper.refresh()
    await expect(client.readResource({ uri: 'wheelhouse:east:doc://rules' })).rejects.toMatchObject({
      data: { rule: 'grant_missing' },
    })
    expect((await client.request({ method: 'resources/list', params: {} })).resources).toEqual([])
    expect(await lastEvent(db, agent.agentId)).toMatchObject({ rule: 'grant_missing', tool: 'resources/list' })
    await client.close()
  })

  test('goes on at the cursor of the server that has more, and leaves out with a word the one that does not answer', async ({
    db,
    world,
  }) => {
    const { agent, client } = await merged(db, world, { grants: whole('east', 'paged', 'silent', 'west'), era })
    const pages: string[][] = []
    const omitted: unknown[] = []
    let cursor: string | undefined
    do {
      const page = await client.request({ method: 'prompts/list', params: cursor === undefined ? {} : { cursor } })
      pages.push(page.prompts.map(({ name }) => name))
      omitted.push(page._meta?.['wheelhouse/omitted'])
      cursor = page.nextCursor
    } while (cursor !== undefined)
    expect(pages).toEqual([
      ['east__greet', 'east__bye', 'paged__e', 'paged__d'],
      ['paged__c', 'paged__b'],
      ['paged__a'],
      ['west__greet', 'west__bye'],
    ])
    expect(omitted.slice(0, 3)).toEqual([undefined, undefined, undefined])
    expect(omitted[3]).toMatchObject([{ serverId: 'silent', data: { rule: 'upstream_deadline' } }])
    expect(
      await db.auditEvent.findFirst({ where: { agentId: agent.agentId, serverId: 'silent', tool: 'prompts/list' } }),
    ).toMatchObject({ event: 'mcp.call_allowed' })
    for (const strange of ['no cursor', Buffer.from('["resources/list","east",null]').toString('base64url')])
      await expect(client.request({ method: 'prompts/list', params: { cursor: strange } })).rejects.toThrow(/cursor/)
    await client.close()
  })
})

test('when no server answers, the list is an error and not empty', async ({ db, world }) => {
  const { client } = await merged(db, world, { grants: whole('silent') })
  await expect(client.listPrompts()).rejects.toMatchObject({ data: { rule: 'upstream_deadline' } })
  await client.close()
})

test('a handshake offers only what is granted somewhere', async ({ db, world }) => {
  const grants = [{ serverId: 'east', toolName: 'method:prompts' }, ...whole('paged')]
  const { client } = await merged(db, world, { grants, era: 'legacy' })
  expect(Object.keys(client.getServerCapabilities() ?? {}).toSorted()).toEqual(['prompts', 'tools'])
  await expect(
    client.request({ method: 'resources/subscribe', params: { uri: 'wheelhouse:east:doc://rules' } }),
  ).rejects.toMatchObject({ data: { rule: 'grant_missing' } })
  await client.close()
})

test.for(['modern', 'legacy'] as const)(
  'a handshake of the %s era offers also what is granted at a server that nobody could speak to yet',
  async (era, { db, world }) => {
    const url = `http://127.0.0.1:${await freePort()}/mcp`
    const rest = { description: '', environment: 'staging', sensitivity: 'internal', demo: true } as const
    const { id: serverId } = await db.mcpServer.create({ data: { id: `away-${era}`, name: 'Away', url, ...rest } })
    const { client } = await merged(db, world, { grants: [{ serverId, toolName: 'method:prompts' }], era })
    expect(Object.keys(client.getServerCapabilities() ?? {}).toSorted()).toEqual(['prompts', 'tools'])
    await expect(client.listPrompts()).rejects.toMatchObject({ data: { rule: 'upstream_unavailable' } })
    await client.close()
  },
)

test('a list counts against the rate of the agent once, however many servers it is of', async ({ db, world }) => {
  const { agent } = await merged(db, world, { grants: whole('east', 'west') })
  await db.agent.update({ where: { id: agent.agentId }, data: { callsPerSecond: 1 } })
  const client = await agentSession(db, world, { agent, serverId: null })
  // Four seconds' worth at once.
  const lists = await Promise.allSettled(Array.from({ length: 30 }, () => client.listPrompts()))
  const lengths = lists.flatMap((list) => (list.status === 'fulfilled' ? [list.value.prompts.length] : []))
  expect(lengths.length).toBeGreaterThanOrEqual(3)
  expect(lengths.length).toBeLessThan(30)
  expect(new Set(lengths)).toEqual(new Set([4]))
  const refused = lists.flatMap((list) => (list.status === 'rejected' ? [list.reason as unknown] : []))
  expect(refused[0]).toMatchObject({ data: { rule: 'rate_limited', scope: 'agent' } })
  // Every one of them is on record, most of them counted together.
  const where = { agentId: agent.agentId, event: 'mcp.call_denied', rule: 'rate_limited', tool: 'prompts/list' }
  await until(async () => {
    const rows = await db.auditEvent.findMany({ where })
    const counts = rows.map(({ detail }) => (detail as { count?: number }).count ?? 1)
    return counts.reduce((sum, count) => sum + count, 0) === refused.length
  })
  await client.close()
})

test(
  'whatever is granted, the merged lists are what the servers list at their own addresses',
  { timeout: 120_000 },
  async ({ db, world }) => {
    const servers = ['east', 'west', 'paged']
    const names = [null, 'method:prompts', 'method:resources', 'look']
    const grant = fc.record({ serverId: fc.constantFrom(...servers), toolName: fc.constantFrom(...names) })
    const grants = fc.uniqueArray(grant, {
      maxLength: 5,
      selector: ({ serverId, toolName }) => `${serverId} ${toolName}`,
    })
    await fc.assert(
      fc.asyncProperty(grants, fc.constantFrom<Era>('modern', 'legacy'), async (held, era) => {
        const { agent, client } = await merged(db, world, { grants: held, era })
        const expected = { prompts: [] as string[], resources: [] as string[], templates: [] as string[] }
        for (const serverId of servers.toSorted()) {
          const single = await agentSession(db, world, { agent, serverId, era })
          const listed = await listsOf(single)
          expected.prompts.push(...listed.prompts.map((name) => `${serverId}__${name}`))
          expected.resources.push(...listed.resources.map((uri) => `wheelhouse:${serverId}:${uri}`))
          expected.templates.push(...listed.templates.map((uri) => `wheelhouse:${serverId}:${uri}`))
          await single.close()
        }
        expect(await listsOf(client)).toEqual(expected)
        await client.close()
      }),
      { numRuns: 12 },
    )
  },
)

/** Everything a session lists, page by page; what a server does not have is no part of it. */
async function listsOf(client: Client) {
  const all = async (method: 'prompts/list' | 'resources/list' | 'resources/templates/list'): Promise<string[]> => {
    const found: string[] = []
    let cursor: string | undefined
    do {
      const page: Record<string, unknown> = await client
        .request({ method, params: cursor === undefined ? {} : { cursor } } as { method: 'prompts/list' })
        .catch((error: unknown) => {
          // From 2026-07-28 on the status of the answer says it as well, and then the client throws that.
          const { code, status } = error as { code?: unknown; status?: unknown }
          if (code === -32601 || status === 404) return {}
          throw error
        })
      const { prompts, resources, resourceTemplates } = page as Record<string, Record<string, string>[] | undefined>
      found.push(
        ...(prompts ?? resources ?? resourceTemplates ?? []).map((item) =>
          String(prompts ? item['name'] : (item['uri'] ?? item['uriTemplate'])),
        ),
      )
      cursor = page['nextCursor'] as string | undefined
    } while (cursor !== undefined)
    return found
  }
  return {
    prompts: await all('prompts/list'),
    resources: await all('resources/list'),
    templates: await all('resources/templates/list'),
  }
}
