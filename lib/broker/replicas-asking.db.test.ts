import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import { expect } from 'vitest'
import type { Db } from '#lib/db/client.ts'
import { startBalancer } from '#lib/dev/test/balancer.ts'
import { makeAgent, sessionToken } from '#lib/dev/test/broker.ts'
import { startBrokerProcess } from '#lib/dev/test/broker-process.ts'
import { type Era, postCall, until } from '#lib/dev/test/broker-world.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { makeGrant } from '#lib/dev/test/registry.ts'
import { askMethods, methodPrefix } from '#lib/registry/schema.ts'
import { startFixture } from './testing/fixture/server.ts'

/** Two brokers, each a process, behind a balancer that knows no sessions, in front of servers that ask. */
const test = dbTest.extend('world', { scope: 'file' }, async ({ db, databaseUrl }, { onCleanup }) => {
  const servers = { modern: await startFixture({ only: 'modern' }), legacy: await startFixture({ only: 'legacy' }) }
  const about = { description: '', environment: 'staging', sensitivity: 'internal', demo: true } as const
  for (const [id, { url }] of Object.entries(servers)) {
    await db.mcpServer.create({ data: { id, name: id, url, ...about } })
  }
  const balancer = await startBalancer()
  const start = () => startBrokerProcess({ databaseUrl, brokerUrl: balancer.url })
  const replicas = await Promise.all([start(), start()])
  balancer.replicas.push(...replicas.map((replica) => replica.url))
  onCleanup(async () => {
    await Promise.all(replicas.map((replica) => replica.stop()))
    await balancer.stop()
    await Promise.all(Object.values(servers).map((server) => server.stop()))
  })
  await until(async () => new Set((await db.mcpTool.findMany()).map(({ serverId }) => serverId)).size === 2, 60_000)
  return { balancer, replicas }
})

type World = { balancer: { url: string }; replicas: readonly { url: string }[] }

/** A client that answers what it is asked; what it may do is known at both replicas. */
async function connect(db: Db, { balancer, replicas }: World, options: { era: Era; serverId: Era }): Promise<Client> {
  const { era, serverId } = options
  const agent = await makeAgent(db)
  // The last one is what can be seen: then the others are known, too.
  for (const toolName of [...askMethods.map((method) => methodPrefix + method), undefined]) {
    await makeGrant(db, { agentId: agent.agentId, serverId, ...(toolName ? { toolName } : {}) })
  }
  const token = await sessionToken(db, balancer.url, agent)
  const known = async (broker: { url: string }) =>
    !(await postCall({ broker }, { token, serverId, tool: 'test_simple_text' })).text.includes('isError')
  for (const replica of replicas) await until(() => known(replica))
  const mode = era === 'modern' ? { pin: '2026-07-28' } : 'legacy'
  const capabilities = { elicitation: {} }
  const client = new Client({ name: 'test-agent', version: '1' }, { versionNegotiation: { mode }, capabilities })
  client.setRequestHandler('elicitation/create', () => ({ action: 'accept', content: { name: 'Ada', color: 'blue' } }))
  const requestInit = { headers: { authorization: `Bearer ${token}` } }
  await client.connect(new StreamableHTTPClientTransport(new URL(`${balancer.url}/mcp/${serverId}`), { requestInit }))
  return client
}

// Generous: two processes are started first.
test.for([
  { era: 'legacy', serverId: 'modern' },
  { era: 'legacy', serverId: 'legacy' },
  { era: 'modern', serverId: 'legacy' },
  { era: 'modern', serverId: 'modern' },
] as const)(
  'an agent of the $era era answers what a server of the $serverId era asks, whichever replica its answer meets',
  { timeout: 240_000 },
  async (pair, { db, world }) => {
    const client = await connect(db, world, pair)
    for (let time = 0; time < 3; time += 1) {
      const { content } = await client.callTool({ name: 'test_input_required_result_multi_round', arguments: {} })
      expect(JSON.stringify(content)).toContain('both answered')
    }
    await client.close()
  },
)
