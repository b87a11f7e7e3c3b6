import { toNodeHandler } from '@modelcontextprotocol/node'
import { completable, createMcpHandler, McpServer, ResourceTemplate } from '@modelcontextprotocol/server'
import { describe, expect } from 'vitest'
import { z } from 'zod'
import { freePort } from '#lib/dev/ports.ts'
import { encryptionKey, legacyHandler, makeAgent, portalUrl } from '#lib/dev/test/broker.ts'
import { agentSession, lastEvent, until } from '#lib/dev/test/broker-world.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { makeGrant } from '#lib/dev/test/registry.ts'
import { served } from './testing/served.ts'
import { startBroker } from './testing/start-broker.ts'

function makeServer(): McpServer {
  const server = new McpServer({ name: 'library', version: '1' })
  server.registerTool('look', { inputSchema: z.object({}), annotations: { readOnlyHint: true } }, () => ({
    content: [{ type: 'text', text: 'looked' }],
  }))
  server.registerResource('rules', 'doc://rules', { mimeType: 'text/plain' }, (uri) => ({
    contents: [{ uri: uri.href, text: 'no running' }],
  }))
  const template = new ResourceTemplate('doc://page/{number}', { list: undefined })
  server.registerResource('page', template, {}, (uri, { number }) => ({
    contents: [{ uri: uri.href, text: `page ${String(number)}` }],
  }))
  const city = completable(z.string(), (value) => ['Paris', 'Prague'].filter((name) => name.startsWith(value)))
  server.registerPrompt('greet', { argsSchema: z.object({ city }) }, ({ city }) => ({
    messages: [{ role: 'user', content: { type: 'text', text: `Hello ${city}` } }],
  }))
  return server
}

const test = dbTest.extend('world', { scope: 'file' }, async ({ db, databaseUrl }, { onCleanup }) => {
  const handlers = { modern: toNodeHandler(createMcpHandler(makeServer)), legacy: legacyHandler(makeServer) }
  const servers = await served(db, handlers)
  const broker = await startBroker({ db, databaseUrl, port: await freePort(), portalUrl, encryptionKey })
  onCleanup(async () => {
    await broker.stop()
    servers.stop()
  })
  await until(async () => (await db.mcpTool.count()) === 2)
  return { broker }
})

const pairs = (['modern', 'legacy'] as const).flatMap((era) =>
  (['modern', 'legacy'] as const).map((serverId) => [era, serverId] as const),
)

describe.each(pairs)('an agent of the %s era, a server of the %s era', (era, serverId) => {
  test('reads resources and prompts and completes, each on the record like a call', async ({ db, world }) => {
    const agent = await makeAgent(db)
    await makeGrant(db, { agentId: agent.agentId, serverId, class: 'read' })
    const client = await agentSession(db, world, { agent, serverId, era })
    expect(client.getServerCapabilities()).toMatchObject({ tools: {}, resources: {}, prompts: {}, completions: {} })
    expect((await client.listResources()).resources.map(({ uri }) => uri)).toEqual(['doc://rules'])
    const { resourceTemplates } = await client.listResourceTemplates()
    expect(resourceTemplates.map(({ uriTemplate }) => uriTemplate)).toEqual(['doc://page/{number}'])
    expect((await client.readResource({ uri: 'doc://page/7' })).contents).toMatchObject([{ text: 'page 7' }])
    expect(await lastEvent(db, agent.agentId)).toMatchObject({
      event: 'mcp.call_allowed',
      decision: 'allow',
      serverId,
      tool: 'resources/read',
      runId: agent.runId,
    })
    expect((await client.listPrompts()).prompts.map(({ name }) => name)).toEqual(['greet'])
    const { messages } = await client.getPrompt({ name: 'greet', arguments: { city: 'Oslo' } })
    expect(messages).toMatchObject([{ content: { text: 'Hello Oslo' } }])
    const ref = { type: 'ref/prompt', name: 'greet' } as const
    const { completion } = await client.complete({ ref, argument: { name: 'city', value: 'Pr' } })
    expect(completion.values).toEqual(['Prague'])
    const rows = await db.auditEvent.findMany({ where: { agentId: agent.agentId, event: 'mcp.call_allowed' } })
    expect(rows.map((row) => String(row.tool)).toSorted((a, b) => a.localeCompare(b))).toEqual([
      'completion/complete',
      'prompts/get',
      'prompts/list',
      'resources/list',
      'resources/read',
      'resources/templates/list',
    ])
    await client.close()
  })

  test('what a server offers besides tools is granted by its name alone, each apart', async ({ db, world }) => {
    const agent = await makeAgent(db)
    await makeGrant(db, { agentId: agent.agentId, serverId, class: 'read', toolName: 'method:resources' })
    const client = await agentSession(db, world, { agent, serverId, era })
    expect(Object.keys(client.getServerCapabilities() ?? {})).not.toContain('prompts')
    expect((await client.listResources()).resources.map(({ uri }) => uri)).toEqual(['doc://rules'])
    expect((await client.readResource({ uri: 'doc://page/7' })).contents).toMatchObject([{ text: 'page 7' }])
    const prompt = client.request({ method: 'prompts/get', params: { name: 'greet', arguments: { city: 'Oslo' } } })
    await expect(prompt).rejects.toMatchObject({ data: { rule: 'grant_missing' } })
    expect((await client.listTools()).tools).toEqual([])
    await client.close()
  })

  test('with a grant of one tool only, nothing else is offered or listed, and reading is refused by its rule', async ({
    db,
    world,
  }) => {
    const agent = await makeAgent(db)
    await makeGrant(db, { agentId: agent.agentId, serverId, class: 'read', toolName: 'look' })
    const client = await agentSession(db, world, { agent, serverId, era })
    expect(Object.keys(client.getServerCapabilities() ?? {})).toEqual(['tools'])
    expect((await client.listTools()).tools.map(({ name }) => name)).toEqual(['look'])
    expect(await client.request({ method: 'resources/list', params: {} })).toMatchObject({ resources: [] })
    expect(await lastEvent(db, agent.agentId)).toMatchObject({
      event: 'mcp.call_denied',
      rule: 'grant_missing',
      tool: 'resources/list',
    })
    const read = client.request({ method: 'resources/read', params: { uri: 'doc://rules' } })
    await expect(read).rejects.toMatchObject({ data: { rule: 'grant_missing' } })
    expect(await lastEvent(db, agent.agentId)).toMatchObject({ rule: 'grant_missing', tool: 'resources/read' })
    await client.close()
  })
})
