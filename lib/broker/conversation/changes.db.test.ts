import { describe, expect } from 'vitest'
import type { Db } from '#lib/db/client.ts'
import { makeAgent, sessionToken } from '#lib/dev/test/broker.ts'
import { until } from '#lib/dev/test/broker-world.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { makeGrant } from '#lib/dev/test/registry.ts'
import { modernCall, RawAgent, type RawMessage } from '../testing/raw-agent.ts'
import type { TestBroker } from '../testing/start-broker.ts'
import { talkativeWorld } from '../testing/talkative-world.ts'

const test = dbTest.extend('world', { scope: 'file' }, async ({ db, databaseUrl }, { onCleanup }) => {
  const { servers, brokers, stop } = await talkativeWorld({ db, databaseUrl }, [{}])
  onCleanup(stop)
  return { servers, broker: brokers[0] }
})
type World = { broker: TestBroker }
type Era = 'modern' | 'legacy'

const uri = 'doc://rules'
const changes = {
  prompts: { method: 'notifications/prompts/list_changed' },
  'resources/list': { method: 'notifications/resources/list_changed' },
  'resources/subscribe': { method: 'notifications/resources/updated', params: { uri } },
} as const
type Granted = keyof typeof changes

/** An agent that is granted one thing only, with its stream open, and what it hears. */
async function listener(db: Db, { broker }: World, of: { era: Era; serverId: Era; granted: readonly Granted[] }) {
  const { agentId, ...agent } = await makeAgent(db)
  const grants: string[] = []
  for (const name of of.granted)
    grants.push(await makeGrant(db, { agentId, serverId: of.serverId, toolName: `method:${name}` }))
  await broker.broker.keeper.refresh()
  const token = await sessionToken(db, broker.url, { agentId, ...agent })
  const raw = new RawAgent(`${broker.url}/mcp/${of.serverId}`, token)
  const ending = new AbortController()
  const messages = of.era === 'modern' ? await listen(raw, ending) : await inSession(raw, ending, of.granted)
  const heard: RawMessage[] = []
  let over = false
  const reading = (async () => {
    for await (const message of messages) heard.push(message)
  })().catch(() => {})
  void reading.then(() => (over = true))
  return { agentId, grants, heard, isOver: () => over, end: () => ending.abort() }
}

async function listen(raw: RawAgent, { signal }: AbortController) {
  const notifications = { promptsListChanged: true, resourcesListChanged: true, resourceSubscriptions: [uri] }
  const { body, headers } = modernCall('', { more: { notifications } })
  const method = 'subscriptions/listen'
  return (
    await raw.send({
      body: { ...body, method },
      headers: { 'mcp-protocol-version': headers['mcp-protocol-version'], 'mcp-method': method },
      signal,
    })
  ).messages
}

async function inSession(raw: RawAgent, { signal }: AbortController, granted: readonly Granted[]) {
  const headers = await raw.begin()
  const watch = { id: 2, method: 'resources/subscribe', params: { uri } }
  if (granted.includes('resources/subscribe')) await raw.ask({ body: watch, headers })
  return (await raw.send({ method: 'GET', headers, signal })).messages
}

const pairs = (['modern', 'legacy'] as const).flatMap((era) =>
  (['modern', 'legacy'] as const).map((serverId) => ({ era, serverId })),
)

describe.each(pairs)('an agent of the $era era, a server of the $serverId era', ({ era, serverId }) => {
  test('is told of a change by the grant of what it would look at, and of nothing else', async ({ db, world }) => {
    const server = world.servers[serverId]
    for (const granted of Object.keys(changes) as Granted[]) {
      const { heard, end } = await listener(db, world, { era, serverId, granted: [granted] })
      const own = changes[granted].method
      // Said in this order again and again: between two of its own the others would have come.
      await until(async () => {
        for (const message of Object.values(changes)) await server.tell(message)
        return heard.filter(({ method }) => method === own).length > 2
      })
      const told = heard.filter(({ method }) => method !== 'notifications/subscriptions/acknowledged')
      expect([granted, new Set(told.map(({ method }) => method))]).toEqual([granted, new Set([own])])
      end()
    }
  })

  test('the stream ends when any of what it tells is granted no more', async ({ db, world }) => {
    const granted = ['prompts', 'resources/list'] as const
    const { grants, isOver, heard, end } = await listener(db, world, { era, serverId, granted })
    await until(async () => {
      await world.servers[serverId].tell(changes.prompts)
      return heard.some(({ method }) => method === changes.prompts.method)
    })
    expect(isOver()).toBe(false)
    await db.grant.update({ where: { id: grants[1]! }, data: { revokedAt: new Date() } })
    await until(() => isOver())
    end()
  })
})

test('what is listened for is on record by what it is decided as', async ({ db, world }) => {
  const granted = ['prompts', 'resources/subscribe'] as const
  const { agentId, heard, end } = await listener(db, world, { era: 'modern', serverId: 'modern', granted })
  await until(() => heard.length > 0)
  expect(heard[0]).toMatchObject({
    method: 'notifications/subscriptions/acknowledged',
    params: { notifications: { promptsListChanged: true, resourceSubscriptions: [uri] } },
  })
  expect(JSON.stringify(heard[0])).not.toContain('resourcesListChanged')
  const where = { agentId, event: 'mcp.call_allowed' }
  const rows = await db.auditEvent.findMany({ where, orderBy: { tool: 'asc' } })
  expect(rows.map(({ tool }) => tool)).toEqual(['prompts/list', 'resources/subscribe'])
  end()
})
