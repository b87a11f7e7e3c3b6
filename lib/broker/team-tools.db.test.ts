import { createServer } from 'node:http'
import { toNodeHandler } from '@modelcontextprotocol/node'
import { createMcpHandler, McpServer } from '@modelcontextprotocol/server'
import { afterEach, expect } from 'vitest'
import { z } from 'zod'
import type { Db } from '#lib/db/client.ts'
import { listening, makeAgent, sessionToken } from '#lib/dev/test/broker.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { makeGrant } from '#lib/dev/test/registry.ts'
import { broker, registered, set, stopAll, stops } from './testing/credential-world.ts'
import { modernCall, RawAgent } from './testing/raw-agent.ts'

afterEach(stopAll)

type Account = 'server-account' | 'team-account'
type Offer = Record<Account, string[] | null>

/** A server that shows each account other tools; null: it does not know the account. */
async function startServer(offer: Offer, cacheScope: 'public' | 'private') {
  const make = (names: string[]) => () => {
    const server = new McpServer({ name: 'by account', version: '1' }, { cacheHints: { 'tools/list': { cacheScope } } })
    for (const name of names) {
      const tool = { inputSchema: z.object({}), annotations: { readOnlyHint: true } }
      server.registerTool(name, tool, () => ({ content: [{ type: 'text' as const, text: name }] }))
    }
    return server
  }
  const asked: string[] = []
  const http = createServer((request, response) => {
    const account = String(request.headers.authorization).slice('Bearer '.length) as Account
    if (request.headers['mcp-method'] === 'tools/list') asked.push(account)
    const names = offer[account]
    if (names) void toNodeHandler(createMcpHandler(make(names)))(request, response)
    else response.writeHead(401, { 'www-authenticate': 'Bearer' }).end()
  })
  stops.push(async () => {
    http.closeAllConnections()
    await new Promise((resolve) => http.close(resolve))
  })
  return { url: `${await listening(http)}/mcp`, asked }
}

/** A broker, the server, and two agents: one that calls over the server’s account, the other over its team’s. */
async function world(db: Db, databaseUrl: string, offer: Offer, cacheScope: 'public' | 'private' = 'private') {
  const server = await startServer(offer, cacheScope)
  const { serverId, agent: one } = await registered(db, server.url)
  const two = await makeAgent(db)
  await makeGrant(db, { agentId: two.agentId, serverId })
  await set(db, { serverId, kind: 'bearer', secret: 'server-account' })
  await set(db, { serverId, teamId: two.teamId, kind: 'bearer', secret: 'team-account' })
  const at = await broker(db, databaseUrl)
  const { discovery, keeper } = at.broker
  const look = async () => {
    await keeper.refresh()
    await discovery.discover(keeper.view.servers.get(serverId)!)
    await keeper.refresh()
  }
  const shown = async (agent: typeof one, path = `/mcp/${serverId}`) => {
    const raw = new RawAgent(`${at.url}${path}`, await sessionToken(db, at.url, agent))
    const { body } = modernCall('')
    const headers = { 'mcp-protocol-version': '2026-07-28', 'mcp-method': 'tools/list' }
    const { result } = (await raw.ask({ body: { ...body, method: 'tools/list' }, headers })).last
    return ((result?.['tools'] ?? []) as { name: string }[]).map(({ name }) => name)
  }
  const states = async () => {
    const tools = await db.mcpTool.findMany({ where: { serverId }, orderBy: { name: 'asc' } })
    return tools.map(({ name, state }) => `${name} ${state}`)
  }
  return { ...server, serverId, one, two, look, shown, states }
}

dbTest(
  'an agent is shown what its own team’s account is offered, and every account’s tools are known',
  async ({ db, databaseUrl }) => {
    const offer: Offer = { 'server-account': ['both', 'of_one'], 'team-account': ['both', 'of_two'] }
    const { one, two, look, shown, states, serverId } = await world(db, databaseUrl, offer)
    await look()
    expect(await states()).toEqual(['both approved', 'of_one approved', 'of_two approved'])
    expect(await shown(one)).toEqual(['both', 'of_one'])
    expect(await shown(two)).toEqual(['both', 'of_two'])
    expect(await shown(two, '/mcp')).toEqual([`${serverId}__both`, `${serverId}__of_two`])
    offer['server-account'] = ['both']
    await look()
    expect(await states()).toEqual(['both approved', 'of_one removed', 'of_two approved'])
  },
)

dbTest(
  'an account that cannot be asked keeps what it was offered, and nothing of it counts as removed',
  async ({ db, databaseUrl }) => {
    const offer: Offer = { 'server-account': ['both'], 'team-account': ['both', 'of_two'] }
    const { one, two, look, shown, states } = await world(db, databaseUrl, offer)
    await look()
    offer['team-account'] = null
    offer['server-account'] = ['both', 'new']
    await look()
    expect(await states()).toEqual(['both approved', 'new approved', 'of_two approved'])
    expect(await shown(one)).toEqual(['both', 'new'])
    expect(await shown(two)).toEqual(['both', 'of_two'])
  },
)

dbTest('a list that its server says is everybody’s is asked for once and shown to all', async ({ db, databaseUrl }) => {
  const offer: Offer = { 'server-account': ['both', 'of_one'], 'team-account': ['both'] }
  const { asked, one, two, look, shown } = await world(db, databaseUrl, offer, 'public')
  await look()
  expect(asked).not.toContain('team-account')
  expect(await shown(one)).toEqual(['both', 'of_one'])
  expect(await shown(two)).toEqual(['both', 'of_one'])
})
