import { describe, expect } from 'vitest'
import { makeAgent, sessionToken } from '#lib/dev/test/broker.ts'
import { agentSession, brokerWorld, lastEvent, type RpcBody } from '#lib/dev/test/broker-world.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { makeGrant } from '#lib/dev/test/registry.ts'
import { startBroker } from './testing/start-broker.ts'

const test = dbTest.extend('world', { scope: 'file' }, async ({ db, databaseUrl }, { onCleanup }) => {
  const start: typeof startBroker = (options) => startBroker({ ...options, limits: { listPageMax: 3 } })
  const world = await brokerWorld({ db, databaseUrl, startBroker: start })
  onCleanup(world.stop)
  return world
})

describe.each(['modern', 'legacy'] as const)('the merged endpoint for an agent of the %s era', (era) => {
  test('lists the tools of every granted server page by page in a stable order, and calls each', async ({
    db,
    world,
  }) => {
    const agent = await makeAgent(db)
    await makeGrant(db, { agentId: agent.agentId, serverId: 'modern', class: 'read' })
    await makeGrant(db, { agentId: agent.agentId, serverId: 'legacy', class: 'write' })
    const client = await agentSession(db, world, { agent, serverId: null, era })
    const pages: string[][] = []
    let cursor: string | undefined
    do {
      const page = await client.request({ method: 'tools/list', params: cursor === undefined ? {} : { cursor } })
      pages.push(page.tools.map((tool) => tool.name))
      cursor = page.nextCursor
    } while (cursor !== undefined)
    expect(pages).toEqual([
      ['legacy__change', 'legacy__leak', 'legacy__look'],
      ['legacy__slow', 'modern__leak', 'modern__look'],
      ['modern__slow'],
    ])
    const answer = await client.callTool({ name: 'legacy__change', arguments: { word: `by ${era}` } })
    expect(answer.content).toEqual([{ type: 'text', text: `changed by ${era}` }])
    expect(await lastEvent(db, agent.agentId)).toMatchObject({
      event: 'mcp.call_allowed',
      serverId: 'legacy',
      tool: 'change',
      runId: agent.runId,
    })
    const other = await client.callTool({ name: 'modern__look', arguments: { word: 'x' } })
    expect(other.content).toEqual([{ type: 'text', text: 'looked at x' }])
    await client.close()
  })

  test('refuses what is not granted with the same rule and record as the endpoint of the server', async ({
    db,
    world,
  }) => {
    const agent = await makeAgent(db)
    await makeGrant(db, { agentId: agent.agentId, serverId: 'modern', class: 'read' })
    const client = await agentSession(db, world, { agent, serverId: null, era })
    for (const [name, serverId, tool] of [
      ['modern__wipe', 'modern', 'wipe'],
      ['legacy__look', 'legacy', 'look'],
    ] as const) {
      const answer = await client.callTool({ name, arguments: {} })
      expect(answer).toMatchObject({ isError: true, _meta: { 'wheelhouse/denial': { rule: 'grant_missing' } } })
      expect(await lastEvent(db, agent.agentId)).toMatchObject({ event: 'mcp.call_denied', serverId, tool })
    }
    await expect(client.callTool({ name: 'nothing', arguments: {} })).rejects.toThrow(/tool_unknown/)
    expect(await lastEvent(db, agent.agentId)).toMatchObject({ rule: 'tool_unknown', serverId: null, tool: 'nothing' })
    await expect(client.callTool({ name: 'modern__gone', arguments: {} })).rejects.toThrow(/tool_unknown/)
    await client.close()
  })
})

test('an agent without grants sees nothing, on the record; a cursor of somebody else is refused', async ({
  db,
  world,
}) => {
  const agent = await makeAgent(db)
  const client = await agentSession(db, world, { agent, serverId: null })
  expect((await client.listTools()).tools).toEqual([])
  expect(await lastEvent(db, agent.agentId)).toMatchObject({ event: 'mcp.tools_listed', serverId: null })
  await expect(client.request({ method: 'tools/list', params: { cursor: 'no cursor' } })).rejects.toThrow(/cursor/)
  await client.close()
})

test('stands in the challenge and in the metadata of protected resources', async ({ world }) => {
  const refused = await fetch(`${world.broker.url}/mcp`, { method: 'POST' })
  const metadataUrl = `${world.broker.url}/.well-known/oauth-protected-resource/mcp`
  expect(refused.status).toBe(401)
  const challenge = refused.headers.get('www-authenticate')
  expect(challenge).toMatch(/^Bearer resource_metadata="[^"]+", DPoP resource_metadata="[^"]+", algs="[\w ]+"$/)
  expect(challenge).toContain(`Bearer resource_metadata="${metadataUrl}"`)
  const metadata = (await (await fetch(metadataUrl)).json()) as { resource: string }
  expect(metadata).toMatchObject({
    resource: `${world.broker.url}/mcp`,
    bearer_methods_supported: ['header'],
    dpop_signing_alg_values_supported: expect.arrayContaining(['ES256']),
  })
})

test('a long name is shortened in the list and means its tool in a call', async ({ db, world }) => {
  const agent = await makeAgent(db)
  const name = `look_${'far_'.repeat(20)}`
  await db.mcpServer.create({
    data: {
      id: 'verbose',
      name: 'verbose',
      url: 'http://127.0.0.1:9/mcp',
      description: '',
      environment: 'staging',
      sensitivity: 'internal',
      tools: {
        create: {
          name,
          description: '',
          inputSchema: { type: 'object' },
          annotations: {},
          class: 'read',
          state: 'approved',
          definitionHash: '',
        },
      },
    },
  })
  await makeGrant(db, { agentId: agent.agentId, serverId: 'verbose', class: 'read' })
  await world.broker.broker.keeper.refresh()
  const token = await sessionToken(db, world.broker.url, agent)
  const post = async (method: string, params: unknown) => {
    const headers = {
      authorization: `Bearer ${token}`,
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
    }
    const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method, params })
    return (await (await fetch(`${world.broker.url}/mcp`, { method: 'POST', headers, body })).json()) as RpcBody
  }
  const [tool] = (await post('tools/list', {})).result!['tools'] as { name: string }[]
  expect(tool!.name).toMatch(/^verbose__look_[a-z_]+_[0-9a-f]{16}$/)
  expect(tool!.name).toHaveLength(64)
  await post('tools/call', { name: tool!.name })
  expect(await lastEvent(db, agent.agentId)).toMatchObject({
    event: 'mcp.call_allowed',
    serverId: 'verbose',
    tool: name,
  })
  await db.mcpServer.update({ where: { id: 'verbose' }, data: { status: 'disabled' } })
})
