import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { toNodeHandler } from '@modelcontextprotocol/node'
import { createMcpHandler, McpServer } from '@modelcontextprotocol/server'
import { expect } from 'vitest'
import { freePort } from '#lib/dev/ports.ts'
import { encryptionKey, listening, makeAgent, portalUrl, sessionToken } from '#lib/dev/test/broker.ts'
import { until } from '#lib/dev/test/broker-world.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { makeGrant } from '#lib/dev/test/registry.ts'
import { modernCall, RawAgent } from './testing/raw-agent.ts'
import { startBroker } from './testing/start-broker.ts'

const lists = {
  'tools/list': 'tools',
  'prompts/list': 'prompts',
  'resources/list': 'resources',
  'resources/templates/list': 'resourceTemplates',
} as const
type ListMethod = keyof typeof lists

/** A server of 2026-07-28 whose lists say how long and by whom they may be kept. */
async function startListing(kept: { ttlMs?: number; cacheScope?: string }) {
  const make = () => {
    const server = new McpServer({ name: 'listing', version: '1' })
    server.registerTool('look', { annotations: { readOnlyHint: true } }, () => ({ content: [] }))
    server.registerPrompt('greet', {}, () => ({ messages: [] }))
    server.registerResource('rules', 'doc://rules', {}, () => ({ contents: [] }))
    return server
  }
  const handle = toNodeHandler(createMcpHandler(make))
  const list = async (request: IncomingMessage, response: ServerResponse, method: ListMethod): Promise<void> => {
    let body = ''
    for await (const chunk of request) body += String(chunk)
    const { id } = JSON.parse(body) as { id: unknown }
    const tools = [{ name: 'look', inputSchema: { type: 'object' }, annotations: { readOnlyHint: true } }]
    const items = method === 'tools/list' ? tools : []
    const result = { resultType: 'complete', [lists[method]]: items, ...kept }
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ jsonrpc: '2.0', id, result }))
  }
  const http = createServer((request, response) => {
    const method = String(request.headers['mcp-method'])
    if (Object.hasOwn(lists, method)) void list(request, response, method as ListMethod)
    else void handle(request, response)
  })
  return { http, url: `${await listening(http)}/mcp` }
}

const test = dbTest.extend('world', { scope: 'file' }, async ({ db, databaseUrl }, { onCleanup }) => {
  const servers = {
    long: await startListing({ ttlMs: 900_000, cacheScope: 'public' }),
    short: await startListing({ ttlMs: 60_000, cacheScope: 'public' }),
    silent: await startListing({}),
  }
  const about = { description: '', environment: 'staging', sensitivity: 'internal', demo: true } as const
  for (const [id, { url }] of Object.entries(servers)) {
    await db.mcpServer.create({ data: { id, name: id, url, ...about } })
  }
  const broker = await startBroker({ db, databaseUrl, port: await freePort(), portalUrl, encryptionKey })
  onCleanup(async () => {
    await broker.stop()
    for (const { http } of Object.values(servers)) {
      http.close()
      http.closeAllConnections()
    }
  })
  await until(async () => (await db.mcpTool.count({ where: { state: 'approved' } })) === 3)
  const ask = async (granted: readonly string[], { method, path }: { method: ListMethod; path: string }) => {
    const agent = await makeAgent(db)
    for (const serverId of granted) await makeGrant(db, { agentId: agent.agentId, serverId })
    await broker.broker.keeper.refresh()
    const raw = new RawAgent(`${broker.url}${path}`, await sessionToken(db, broker.url, agent))
    const { body } = modernCall('')
    const headers = { 'mcp-protocol-version': '2026-07-28', 'mcp-method': method }
    const { result } = (await raw.ask({ body: { ...body, method }, headers })).last
    return [result?.['ttlMs'], result?.['cacheScope']]
  }
  return { ask }
})

test.for(['prompts/list', 'resources/list', 'resources/templates/list'] as const)(
  '%s may be kept as long as its server says and five minutes at most, by its agent alone; a merged one as the shortest of its parts',
  async (method, { world }) => {
    expect(await world.ask(['long'], { method, path: '/mcp/long' })).toEqual([300_000, 'private'])
    expect(await world.ask(['short'], { method, path: '/mcp/short' })).toEqual([60_000, 'private'])
    expect(await world.ask(['silent'], { method, path: '/mcp/silent' })).toEqual([0, 'private'])
    expect(await world.ask(['long'], { method, path: '/mcp' })).toEqual([300_000, 'private'])
    expect(await world.ask(['long', 'short'], { method, path: '/mcp' })).toEqual([60_000, 'private'])
    expect(await world.ask(['long', 'short', 'silent'], { method, path: '/mcp' })).toEqual([0, 'private'])
  },
)

test('what may be called is kept by nobody, whatever its server says', async ({ world }) => {
  for (const path of ['/mcp/long', '/mcp'])
    expect(await world.ask(['long'], { method: 'tools/list', path })).toEqual([0, 'private'])
})
