import type { Client } from '@modelcontextprotocol/client'
import { afterAll, beforeAll, describe, expect } from 'vitest'
import type { Db } from '#lib/db/client.ts'
import {
  connectAgent,
  makeAgent,
  secretBox,
  sessionToken,
  startBroker,
  startUpstream,
  type TestAgent,
  type TestBroker,
  type TestUpstream,
  upstreamSecret,
} from '#lib/dev/test/broker.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { makeGrant } from '#lib/dev/test/registry.ts'

type World = { broker: TestBroker; upstreams: Record<'modern' | 'legacy', TestUpstream> }

const test = dbTest.extend('world', { scope: 'file' }, async ({ db, databaseUrl }, { onCleanup }): Promise<World> => {
  const upstreams = { modern: await startUpstream(), legacy: await startUpstream({ legacy: true }) }
  for (const id of ['modern', 'legacy'] as const) {
    await db.mcpServer.create({
      data: {
        id,
        name: id,
        description: '',
        url: upstreams[id].url,
        environment: 'staging',
        sensitivity: 'internal',
        demo: true,
        credential: {
          create: {
            kind: 'bearer',
            ciphertext: secretBox.seal(upstreamSecret, `upstream-credential:${id}`),
            keyId: secretBox.keyId,
          },
        },
      },
    })
  }
  const broker = await startBroker({ db, databaseUrl })
  onCleanup(async () => {
    await broker.stop()
    await Promise.all(Object.values(upstreams).map((upstream) => upstream.stop()))
  })
  await until(async () => (await db.mcpTool.count()) === 10)
  return { broker, upstreams }
})

type Era = 'modern' | 'legacy'
const pairs = (['modern', 'legacy'] as const).flatMap((agentEra) =>
  (['modern', 'legacy'] as const).map((serverId) => [agentEra, serverId] as const),
)

async function session(db: Db, world: World, options: { agent: TestAgent; serverId?: string; era?: Era }): Promise<Client> {
  const { agent, serverId = 'modern', era = 'modern' } = options
  const token = await sessionToken(db, world.broker.url, agent)
  return connectAgent(world.broker.url, { serverId, token, era })
}

function lastEvent(db: Db, agentId: string, event?: string) {
  return db.auditEvent.findFirst({ where: { agentId, ...(event ? { event } : {}) }, orderBy: { seq: 'desc' } })
}

describe.each(pairs)('an agent of the %s era, a server of the %s era', (era, serverId) => {
  test('sees and calls what it is granted, and the record is there before the answer', async ({ db, world }) => {
    const agent = await makeAgent(db)
    await makeGrant(db, { agentId: agent.agentId, serverId, class: 'write' })
    const client = await session(db, world, { agent, serverId, era })
    const { tools } = await client.listTools()
    expect(tools.map((tool) => tool.name)).toEqual(['change', 'leak', 'look', 'slow'])
    expect(tools.find((tool) => tool.name === 'change')?.description).toBe('change something')
    const answer = await client.callTool({ name: 'change', arguments: { word: `order ${era}` } })
    const [finished, intended] = await db.auditEvent.findMany({
      where: { agentId: agent.agentId, tool: 'change' },
      orderBy: { seq: 'desc' },
    })
    expect(answer.content).toEqual([{ type: 'text', text: `changed order ${era}` }])
    expect(intended).toMatchObject({ event: 'mcp.call_intended', runId: agent.runId })
    expect(finished).toMatchObject({ event: 'mcp.call_allowed', decision: 'allow', detail: { class: 'write', outcome: 'ok' } })
    expect(JSON.stringify([finished, intended], (_, v) => (typeof v === 'bigint' ? String(v) : v))).not.toContain('order')
    await client.close()
  })
})

beforeAll(() => {})
afterAll(() => {})

async function until(condition: () => Promise<boolean> | boolean, ms = 8000): Promise<void> {
  const deadline = Date.now() + ms
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error('It did not become so in time.')
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}
