import { expect } from 'vitest'
import { freePort } from '#lib/dev/ports.ts'
import { encryptionKey, makeAgent, portalUrl, secretBox, sessionToken } from '#lib/dev/test/broker.ts'
import { until } from '#lib/dev/test/broker-world.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { makeGrant } from '#lib/dev/test/registry.ts'
import type { Keyring } from '#lib/keys/commands.ts'
import { modernCall, RawAgent } from './testing/raw-agent.ts'
import { startBroker } from './testing/start-broker.ts'
import { startModernTalkative } from './testing/talkative-servers.ts'

const limits = { callDeadlineMs: 4000 }

/** A broker whose key service, or the database that says which key is current, can stop answering. */
const test = dbTest.extend('world', { scope: 'file' }, async ({ db, databaseUrl }, { onCleanup }) => {
  const server = await startModernTalkative()
  const rest = { description: '', environment: 'staging', sensitivity: 'internal', demo: true } as const
  await db.mcpServer.create({ data: { id: 'talkative', name: 'Talkative', url: server.url, ...rest } })
  const keys = { answer: true }
  const keyring: Keyring = {
    ...secretBox,
    seal: (content, context) => (keys.answer ? secretBox.seal(content, context) : new Promise(() => {})),
    keyIds: [],
    only: () => keyring,
  }
  const port = await freePort()
  const broker = await startBroker({ db, databaseUrl, port, portalUrl, encryptionKey, limits, keyring })
  onCleanup(async () => {
    await broker.stop()
    server.stop()
  })
  await until(async () => (await db.mcpTool.count({ where: { state: 'approved' } })) === 3)
  const agent = await makeAgent(db)
  for (const toolName of [null, 'method:elicitation/create'])
    await makeGrant(db, { agentId: agent.agentId, serverId: 'talkative', toolName })
  await broker.broker.keeper.refresh()
  const raw = new RawAgent(`${broker.url}/mcp/talkative`, await sessionToken(db, broker.url, agent))
  return { raw, keys }
})

test('a call that cannot be given its state ends at its deadline', async ({ world }) => {
  const { raw, keys } = world
  const asking = modernCall('asking', { capabilities: { elicitation: {} } })
  expect((await raw.ask(asking)).last).toMatchObject({ result: { resultType: 'input_required' } })
  keys.answer = false
  const { last } = await raw.ask(asking)
  keys.answer = true
  expect(JSON.stringify(last)).toContain('upstream_deadline')
})

test('a session that cannot be given its name is refused with the rule, and can be begun later', async ({ world }) => {
  const { raw, keys } = world
  const params = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'test', version: '1' } }
  const body = { id: 1, method: 'initialize', params }
  keys.answer = false
  const refused = await raw.ask({ body })
  keys.answer = true
  expect(refused).toMatchObject({ status: 503, last: { id: 1, error: { data: { rule: 'view_stale' } } } })
  expect(await raw.ask({ body })).toMatchObject({ status: 200, session: expect.any(String) as string })
})
