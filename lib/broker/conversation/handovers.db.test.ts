import { expect } from 'vitest'
import { freePort } from '#lib/dev/ports.ts'
import { encryptionKey, makeAgent, portalUrl, sessionToken } from '#lib/dev/test/broker.ts'
import { until } from '#lib/dev/test/broker-world.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { makeGrant } from '#lib/dev/test/registry.ts'
import type { Db } from '#lib/db/client.ts'
import { startFixture } from '../testing/fixture/server.ts'
import { CallEnded } from '../in-flight.ts'
import { CredentialFailure } from '../upstream/credential.ts'
import { UpstreamFailure } from '../upstream/failure.ts'
import { modernCall, RawAgent, type RawMessage } from '../testing/raw-agent.ts'
import { startBroker, type TestBroker } from '../testing/start-broker.ts'
import { startLegacyTalkative } from '../testing/talkative-servers.ts'

/** Two replicas in front of servers with sessions, whose calls wait at the replica they came to. */
const test = dbTest.extend('world', { scope: 'file' }, async ({ db, databaseUrl }, { onCleanup }) => {
  const talkative = await startLegacyTalkative()
  const fixture = await startFixture({ only: 'legacy' })
  const about = { description: '', environment: 'staging', sensitivity: 'internal', demo: true } as const
  for (const [id, { url }] of Object.entries({ talkative, fixture })) {
    await db.mcpServer.create({ data: { id, name: id, url, ...about } })
  }
  const limits = { streamFromBytes: 4096 }
  const start = async () => startBroker({ db, databaseUrl, port: await freePort(), portalUrl, encryptionKey, limits })
  const brokers: readonly [TestBroker, TestBroker] = [await start(), await start()]
  onCleanup(async () => {
    for (const broker of brokers) {
      broker.broker.abort()
      await broker.stop()
    }
    talkative.stop()
    await fixture.stop()
  })
  await until(async () => new Set((await db.mcpTool.findMany()).map(({ serverId }) => serverId)).size === 2)
  return { talkative, fixture, brokers, start }
})

async function reader(db: Db, { brokers }: { brokers: readonly TestBroker[] }, serverId: string) {
  const agent = await makeAgent(db)
  for (const toolName of [undefined, 'method:elicitation/create']) {
    await makeGrant(db, { agentId: agent.agentId, serverId, ...(toolName ? { toolName } : {}) })
  }
  const at = async ({ url, broker }: TestBroker) => {
    await broker.keeper.refresh()
    return new RawAgent(`${url}/mcp/${serverId}`, await sessionToken(db, url, agent))
  }
  return { ...agent, at, here: await at(brokers[0]!), there: await at(brokers[1]!) }
}

const capabilities = { elicitation: {} }
const answerOf = (content: object) => ({ action: 'accept', content })

/** What a call that waits for an answer goes on with. */
function goingOn({ result }: RawMessage, content: object) {
  const { requestState, inputRequests = {} } = result as { requestState: string; inputRequests?: object }
  const key = Object.keys(inputRequests)[0]!
  return { requestState, inputResponses: { [key]: answerOf(content) } }
}

test('a call that waits at one replica goes on with an answer at the other, question by question', async ({
  db,
  world,
}) => {
  const { agentId, here, there } = await reader(db, world, 'fixture')
  const sessions = world.fixture.sessions()
  const name = 'test_input_required_result_multi_round'
  const first = (await here.ask(modernCall(name, { capabilities }))).last
  expect(JSON.stringify(first)).toContain('Step 1')
  const second = (await there.ask(modernCall(name, { capabilities, more: goingOn(first, { name: 'Ada' }) }))).last
  expect(JSON.stringify(second)).toContain('Step 2')
  const again = await there.ask(modernCall(name, { capabilities, more: goingOn(second, { color: 'blue' }) }))
  expect(JSON.stringify(again.last.result)).toContain('both answered')
  const where = { agentId, event: 'mcp.call_allowed' }
  const rows = await db.auditEvent.findMany({ where, orderBy: { seq: 'asc' } })
  expect(rows.map(({ tool, detail }) => [tool, (detail as { outcome: string }).outcome])).toEqual([
    ['elicitation/create', 'asked'],
    [name, 'input_required'],
    ['elicitation/create', 'ok'],
    ['elicitation/create', 'asked'],
    [name, 'input_required'],
    ['elicitation/create', 'ok'],
    [name, 'ok'],
  ])
  await until(async () => (await db.mcpHandover.count()) === 0)
  await until(() => world.fixture.sessions() === sessions)
  // And it is over everywhere.
  const late = await there.ask(modernCall(name, { capabilities, more: goingOn(second, { color: 'red' }) }))
  expect(late.last.error?.code).toBe(-32602)
})

test('a result that would be passed on while it arrives is handed over as a whole', async ({ db, world }) => {
  const { agentId, here, there } = await reader(db, world, 'talkative')
  const asked = (await here.ask(modernCall('asking', { capabilities }))).last
  const name = 'Lin and Ken '.repeat(1000)
  const { last } = await there.ask(modernCall('asking', { capabilities, more: goingOn(asked, { name }) }))
  expect(JSON.stringify(last.result)).toContain(name)
  const outcomes = await db.auditEvent.findMany({ where: { agentId, tool: 'asking' }, orderBy: { seq: 'asc' } })
  expect(outcomes.map(({ event }) => event)).toEqual(['mcp.call_allowed', 'mcp.call_allowed'])
  await until(() => world.talkative.heard.includes('DELETE'))
})

test('an agent that leaves the other replica ends its call at the server', async ({ db, world }) => {
  const { heard } = world.talkative
  const { agentId, here, there } = await reader(db, world, 'talkative')
  const slow = { arguments: { slow: true } }
  const asked = (await here.ask(modernCall('asking', { capabilities, more: slow }))).last
  const leaving = new AbortController()
  const more = { ...slow, ...goingOn(asked, { name: 'Ada' }) }
  const going = there
    .ask({ ...modernCall('asking', { capabilities, more }), signal: leaving.signal })
    .catch(() => 'left')
  await until(() => heard.some((text) => text.includes('Ada')))
  leaving.abort()
  expect(await going).toBe('left')
  await until(() => heard.includes('notifications/cancelled'))
  const where = { agentId, event: 'mcp.call_allowed', tool: 'asking' }
  await until(async () => (await db.auditEvent.count({ where })) === 2)
})

test('a stop ends it wherever it is answered', async ({ db, world }) => {
  const { agentId, here, there } = await reader(db, world, 'talkative')
  const slow = { arguments: { slow: true } }
  const asked = (await here.ask(modernCall('asking', { capabilities, more: slow }))).last
  const going = there.ask(modernCall('asking', { capabilities, more: { ...slow, ...goingOn(asked, { name: 'Eve' }) } }))
  await until(() => world.talkative.heard.some((text) => text.includes('Eve')))
  await db.stopOrder.create({ data: { scope: 'agent', targetId: agentId, reason: 'drill', orderedByName: 'Ola' } })
  expect(JSON.stringify((await going).last)).toContain('killed')
})

const own = 'connect ECONNREFUSED postgres://wheelhouse:hunter2@db.internal/wheelhouse'
const failures: [string, Error, { rule: string; words: string }][] = [
  ['any other', new Error(own), { rule: 'upstream_unavailable', words: 'failed in the broker' }],
  [
    'that of its server',
    new UpstreamFailure('too_large', 'it answers with more than 5 bytes', 5),
    { rule: 'result_too_large', words: 'it answers with more than 5 bytes' },
  ],
  [
    'that of a credential',
    new CredentialFailure('credential_refused', 'its authorization server gives the broker no token'),
    { rule: 'credential_refused', words: 'gives the broker no token' },
  ],
]

test.for(failures)(
  'a failure at the one replica is said at the other as it would be there: %s',
  async ([, failure, { rule, words }], { db, world }) => {
    const { agentId, here, there } = await reader(db, world, 'talkative')
    const asked = (await here.ask(modernCall('asking', { capabilities }))).last
    const { suspended } = world.brokers[0].broker.conversations
    const call = suspended.ids().flatMap((id) => suspended.find(id, agentId) ?? [])
    expect(call).toHaveLength(1)
    Object.assign(call[0]!, { tell: () => Promise.reject(failure) })
    const { last } = await there.ask(modernCall('asking', { capabilities, more: goingOn(asked, { name: 'Ada' }) }))
    const said = JSON.stringify(last)
    expect(said).toContain(`the rule ${rule} `)
    expect(said).toContain(words)
    const where = { agentId, tool: 'asking' }
    const [row] = await db.auditEvent.findMany({ where, orderBy: { seq: 'desc' }, take: 1 })
    expect(row!.rule).toBe(rule)
    for (const text of [said, JSON.stringify(row!.detail)]) expect(text).not.toContain('hunter2')
    call[0]!.abort(new CallEnded(null))
  },
)

test('a call whose replica is gone ends with an error, soon', async ({ db, world }) => {
  const { at, there } = await reader(db, world, 'talkative')
  const leaving = await world.start()
  const asked = (await (await at(leaving)).ask(modernCall('asking', { capabilities }))).last
  leaving.broker.abort()
  await leaving.stop()
  const { last } = await there.ask(modernCall('asking', { capabilities, more: goingOn(asked, { name: 'Ada' }) }))
  expect(last.error).toMatchObject({ code: -32602, message: expect.stringContaining('Call again') as string })
})
