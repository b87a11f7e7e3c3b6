import { expect } from 'vitest'
import { KeyUnavailable } from '#lib/core/key-wrapper.ts'
import { freePort } from '#lib/dev/ports.ts'
import { encryptionKey, makeAgent, portalUrl, secretBox, sessionToken } from '#lib/dev/test/broker.ts'
import { until } from '#lib/dev/test/broker-world.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { makeGrant } from '#lib/dev/test/registry.ts'
import type { Keyring } from '#lib/keys/commands.ts'
import { modernCall, RawAgent } from './testing/raw-agent.ts'
import { startBroker } from './testing/start-broker.ts'
import { startLegacyTalkative, startModernTalkative } from './testing/talkative-servers.ts'

const limits = { callDeadlineMs: 4000 }
const params = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'test', version: '1' } }
const initialize = { id: 1, method: 'initialize', params }

/** A broker whose key service, or the database that says which key is current, can stop answering. */
const test = dbTest.extend('world', { scope: 'file' }, async ({ db, databaseUrl }, { onCleanup }) => {
  const servers = { modern: await startModernTalkative(), legacy: await startLegacyTalkative() }
  const rest = { description: '', environment: 'staging', sensitivity: 'internal', demo: true } as const
  for (const [id, { url }] of Object.entries(servers)) {
    await db.mcpServer.create({ data: { id, name: id, url, ...rest } })
  }
  const keys = { answer: true, opens: true }
  const keyring: Keyring = {
    ...secretBox,
    seal: (content, context) => (keys.answer ? secretBox.seal(content, context) : new Promise(() => {})),
    open: (sealed, context) =>
      keys.opens ? secretBox.open(sealed, context) : Promise.reject(new KeyUnavailable('The key service is away.')),
    keyIds: [],
    only: () => keyring,
  }
  const port = await freePort()
  const broker = await startBroker({ db, databaseUrl, port, portalUrl, encryptionKey, limits, keyring })
  onCleanup(async () => {
    await broker.stop()
    for (const server of Object.values(servers)) server.stop()
  })
  await until(async () => (await db.mcpTool.count({ where: { state: 'approved' } })) === 6)
  const agent = await makeAgent(db)
  for (const serverId of ['modern', 'legacy'])
    for (const toolName of [null, 'method:elicitation/create'])
      await makeGrant(db, { agentId: agent.agentId, serverId, toolName })
  await broker.broker.keeper.refresh()
  const token = await sessionToken(db, broker.url, agent)
  const rawAt = (serverId: keyof typeof servers) => new RawAgent(`${broker.url}/mcp/${serverId}`, token)
  return { modern: rawAt('modern'), legacy: rawAt('legacy'), servers, keys, agent, broker }
})

test('a call that cannot be given its state ends at its deadline', async ({ world }) => {
  const { modern: raw, keys } = world
  const asking = modernCall('asking', { capabilities: { elicitation: {} } })
  expect((await raw.ask(asking)).last).toMatchObject({ result: { resultType: 'input_required' } })
  keys.answer = false
  const { last } = await raw.ask(asking)
  keys.answer = true
  expect(JSON.stringify(last)).toContain('upstream_deadline')
})

test.for(['modern', 'legacy'] as const)(
  'a session that cannot be given its name is refused with the rule and can be begun later, at a %s server',
  async (era, { world }) => {
    const { [era]: raw, keys } = world
    keys.answer = false
    const refused = await raw.ask({ body: initialize })
    keys.answer = true
    expect(refused).toMatchObject({ status: 503, last: { id: 1, error: { data: { rule: 'session_unsealed' } } } })
    expect(await raw.ask({ body: initialize })).toMatchObject({ status: 200, session: expect.any(String) as string })
  },
)

test('a session that got no name is ended at the server that keeps it', async ({ world }) => {
  const { legacy: raw, servers, keys } = world
  const { heard } = servers.legacy
  heard.length = 0
  keys.answer = false
  const { status } = await raw.ask({ body: initialize })
  keys.answer = true
  expect(status).toBe(503)
  await until(() => heard.includes('DELETE'))
  expect(heard.filter((what) => what === 'initialize')).toHaveLength(1)
  expect(heard.filter((what) => what === 'DELETE')).toHaveLength(1)
})

test('what asks for a task whose id cannot be opened now is answered so, and leaves nothing open', async ({
  world,
}) => {
  const { modern: raw, keys, agent, broker } = world
  const method = 'subscriptions/listen'
  const notifications = { toolsListChanged: true, taskIds: ['ab'.repeat(60)] }
  const capabilities = { extensions: { 'io.modelcontextprotocol/tasks': {} } }
  const { body } = modernCall('', { capabilities, more: { notifications } })
  const headers = { 'mcp-protocol-version': '2026-07-28', 'mcp-method': method }
  keys.opens = false
  const { status } = await raw.ask({ body: { ...body, method }, headers }).finally(() => (keys.opens = true))
  expect(status).toBe(503)
  expect(broker.broker.conversations.streams.countOf(agent.agentId)).toBe(0)
})
