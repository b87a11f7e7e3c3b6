import { createServer } from 'node:http'
import { json } from 'node:stream/consumers'
import { expect } from 'vitest'
import { freePort } from '#lib/dev/ports.ts'
import { encryptionKey, listening, makeAgent, portalUrl, sessionToken, type TestAgent } from '#lib/dev/test/broker.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { makeGrant, makeServer } from '#lib/dev/test/registry.ts'
import type { Db } from '#lib/db/client.ts'
import { RawAgent } from '../testing/raw-agent.ts'
import { startBroker } from '../testing/start-broker.ts'

/** A server of 2025-11-25 with resources that can be watched; `out`: it does not know what is wrong with it. */
async function startWatched() {
  const heard: string[] = []
  const state = { out: false }
  const http = createServer((request, response) => {
    void (async () => {
      if (request.method !== 'POST') return response.writeHead(405).end()
      const { id, method } = (await json(request)) as { id?: unknown; method: string }
      heard.push(method)
      if (state.out) return response.writeHead(500).end()
      if (id === undefined) return response.writeHead(202).end()
      const capabilities = { tools: {}, logging: {}, resources: { subscribe: true }, prompts: {} }
      const greeting = { protocolVersion: '2025-11-25', capabilities, serverInfo: { name: 'watched', version: '1' } }
      const isGreeting = method === 'initialize'
      const answer = isGreeting ? { result: greeting } : { error: { code: -32601, message: 'unknown' } }
      response.writeHead(200, { 'content-type': 'application/json', ...(isGreeting ? { 'mcp-session-id': 's1' } : {}) })
      return response.end(JSON.stringify({ jsonrpc: '2.0', id, ...answer }))
    })()
  })
  return { http, heard, state, url: `${await listening(http)}/mcp` }
}

/** A broker that looks for no tools by itself: what servers hear, they hear because an agent asked. */
const test = dbTest.extend('world', { scope: 'file' }, async ({ db, databaseUrl }, { onCleanup }) => {
  const broker = await startBroker({ db, databaseUrl, port: await freePort(), portalUrl, encryptionKey })
  await broker.broker.discovery.stop()
  onCleanup(() => broker.stop())
  return { broker }
})

type World = { broker: Awaited<ReturnType<typeof startBroker>> }

async function begin(db: Db, { broker }: World, { agent, serverId }: { agent: TestAgent; serverId: string }) {
  await broker.broker.keeper.refresh()
  const raw = new RawAgent(`${broker.url}/mcp/${serverId}`, await sessionToken(db, broker.url, agent))
  const params = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'test', version: '1' } }
  return await raw.ask({ body: { id: 1, method: 'initialize', params } })
}

async function discover(db: Db, { broker }: World, { agent, serverId }: { agent: TestAgent; serverId: string }) {
  const raw = new RawAgent(`${broker.url}/mcp/${serverId}`, await sessionToken(db, broker.url, agent))
  const _meta = {
    'io.modelcontextprotocol/protocolVersion': '2026-07-28',
    'io.modelcontextprotocol/clientCapabilities': {},
  }
  const headers = { 'mcp-protocol-version': '2026-07-28', 'mcp-method': 'server/discover' }
  return await raw.ask({ body: { id: 1, method: 'server/discover', params: { _meta } }, headers })
}

test('a server hears of no handshake of an agent that may use nothing there', async ({ db, world }) => {
  const watched = await startWatched()
  const enabled = await makeServer(db, { url: watched.url })
  const disabled = await makeServer(db, { url: watched.url, status: 'disabled' })
  const stranger = await makeAgent(db)
  const granted = await makeAgent(db)
  await makeGrant(db, { agentId: granted.agentId, serverId: disabled })
  for (const asking of [
    { agent: stranger, serverId: enabled },
    { agent: granted, serverId: disabled },
  ]) {
    expect(await begin(db, world, asking)).toMatchObject({ status: 200, last: { result: {} } })
    expect(await discover(db, world, asking)).toMatchObject({ status: 200, last: { result: {} } })
  }
  expect(watched.heard).toEqual([])
  await makeGrant(db, { agentId: granted.agentId, serverId: enabled })
  expect(await begin(db, world, { agent: granted, serverId: enabled })).toMatchObject({ status: 200 })
  expect(watched.heard.filter((method) => method === 'initialize').length).toBeGreaterThanOrEqual(2)
  watched.http.close()
})

test('a handshake offers what its server said, or is refused with the rule until the server has said it', async ({
  db,
  world,
}) => {
  const watched = await startWatched()
  const serverId = await makeServer(db, { url: watched.url })
  const agent = await makeAgent(db)
  await makeGrant(db, { agentId: agent.agentId, serverId })
  watched.state.out = true
  const refused = { status: 503, last: { id: 1, error: { data: { rule: 'upstream_unavailable' } } } }
  expect(await begin(db, world, { agent, serverId })).toMatchObject(refused)
  expect(await discover(db, world, { agent, serverId })).toMatchObject(refused)
  watched.state.out = false
  expect(await discover(db, world, { agent, serverId })).toMatchObject({
    status: 200,
    last: { result: { capabilities: { resources: { subscribe: true }, prompts: {} } } },
  })
  // It was greeted, and keeps no session now for what the agent may watch.
  watched.state.out = true
  expect(await begin(db, world, { agent, serverId })).toMatchObject(refused)
  watched.state.out = false
  const { status, session } = await begin(db, world, { agent, serverId })
  expect({ status, session }).toEqual({ status: 200, session: expect.any(String) as string })
  watched.http.close()
})
