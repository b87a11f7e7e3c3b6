import { expect } from 'vitest'
import { makeAgent, sessionToken } from '#lib/dev/test/broker.ts'
import { until } from '#lib/dev/test/broker-world.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { makeGrant } from '#lib/dev/test/registry.ts'
import type { Db } from '#lib/db/client.ts'
import { modernCall, RawAgent } from '../testing/raw-agent.ts'
import type { TestBroker } from '../testing/start-broker.ts'
import { talkativeWorld } from '../testing/talkative-world.ts'

/** Two replicas in front of a server of each era. */
const test = dbTest.extend('world', { scope: 'file' }, async ({ db, databaseUrl }, { onCleanup }) => {
  const { servers, brokers, stop } = await talkativeWorld({ db, databaseUrl }, [{}, {}])
  onCleanup(stop)
  return { servers, brokers }
})
type World = { brokers: readonly [TestBroker, TestBroker] }
type Server = 'modern' | 'legacy'

/** The same agent at both replicas. */
async function reader(db: Db, { brokers }: World, serverId: Server, more = ['method:elicitation/create']) {
  const agent = await makeAgent(db)
  const grants: string[] = []
  for (const toolName of [undefined, ...more]) {
    grants.push(await makeGrant(db, { agentId: agent.agentId, serverId, ...(toolName ? { toolName } : {}) }))
  }
  for (const { broker } of brokers) await broker.keeper.refresh()
  const at = async ({ url }: { url: string }) =>
    new RawAgent(`${url}/mcp/${serverId}`, await sessionToken(db, url, agent))
  return { ...agent, grants, here: await at(brokers[0]), there: await at(brokers[1]) }
}

const call = { id: 3, method: 'tools/call', params: { name: 'asking', arguments: {} } }
const answer = { action: 'accept', content: { name: 'Ada' } }

/** Calls in a session and is asked; the rest of the call's answer is still to come. */
async function asked(raw: RawAgent) {
  const headers = await raw.begin({ elicitation: {} })
  const { messages } = await raw.send({ body: call, headers })
  const { value } = await messages.next()
  expect(value?.method).toBe('elicitation/create')
  return { headers, id: value!.id!, messages }
}

async function denials(db: Db, agentId: string): Promise<(string | null)[]> {
  const rows = await db.auditEvent.findMany({ where: { agentId, event: 'mcp.call_denied' }, orderBy: { seq: 'asc' } })
  return rows.map(({ rule }) => rule)
}

const refusal = { last: { error: { data: { rule: 'answer_unknown' } } } }

test.for(['legacy', 'modern'] as const)(
  'an answer in a session counts at any replica, once, for what was asked in it (a server of the %s era)',
  async (serverId, { db, world }) => {
    const { heard } = world.servers[serverId]
    const { agentId, here, there } = await reader(db, world, serverId)
    const { headers, id, messages } = await asked(here)
    const other = await here.begin({ elicitation: {} })
    const stranger = await reader(db, world, serverId)
    const answered = (to: unknown) => ({ id: to, result: answer })
    const made = ['q-1', 7, `${String(id)}x`]
    for (const to of made) {
      expect(await here.ask({ body: answered(to), headers })).toMatchObject({ status: 400, ...refusal })
    }
    // Another session, and another agent.
    expect(await here.ask({ body: answered(id), headers: other })).toMatchObject({ status: 400, ...refusal })
    const foreign = await stranger.here.begin({ elicitation: {} })
    expect(await stranger.here.ask({ body: answered(id), headers: foreign })).toMatchObject({ status: 400, ...refusal })
    expect(await denials(db, agentId)).toEqual(Array(made.length + 1).fill('answer_unknown'))
    expect(heard.filter((text) => text.includes('"result"'))).toEqual([])
    // Of two at once, at two replicas, one counts.
    const both = await Promise.all([here, there].map((raw) => raw.ask({ body: answered(id), headers })))
    expect(both.map(({ status }) => status).toSorted((one, other) => one - other)).toEqual([202, 400])
    expect(JSON.stringify((await messages.next()).value)).toContain('Ada')
    expect(await there.ask({ body: answered(id), headers })).toMatchObject({ status: 400, ...refusal })
    const where = { agentId, event: 'mcp.call_allowed', tool: 'elicitation/create' }
    const rows = await db.auditEvent.findMany({ where, orderBy: { seq: 'asc' } })
    expect(rows.map(({ detail }) => (detail as { outcome: string }).outcome)).toEqual(['asked', 'ok'])
    // How long its agent took, at whichever replica it was asked.
    expect((rows[1]!.detail as { ms: number }).ms).toBeGreaterThan(0)
    expect(await db.mcpQuestion.count({ where: { agentId, answeredAt: null } })).toBe(0)
  },
)

test.for(['legacy', 'modern'] as const)(
  'a question at one replica is answered through the other (a server of the %s era)',
  async (serverId, { db, world }) => {
    const { here, there } = await reader(db, world, serverId)
    const { headers, id, messages } = await asked(here)
    expect(await there.ask({ body: { id, result: answer }, headers })).toMatchObject({ status: 202 })
    expect(JSON.stringify((await messages.next()).value)).toContain('Ada')
  },
)

test.for(['legacy', 'modern'] as const)(
  'an answer counts only while the agent may be asked, and while the call runs (a server of the %s era)',
  async (serverId, { db, world }) => {
    const { agentId, grants, here, there } = await reader(db, world, serverId)
    const first = await asked(here)
    const cancel = { method: 'notifications/cancelled', params: { requestId: call.id } }
    await here.ask({ body: cancel, headers: first.headers })
    await first.messages.next()
    await until(async () => (await db.mcpQuestion.count({ where: { agentId } })) === 0)
    const late = await there.ask({ body: { id: first.id, result: answer }, headers: first.headers })
    expect(late).toMatchObject({ status: 400, ...refusal })
    const { headers, id } = await asked(here)
    await db.grant.update({ where: { id: grants[1]! }, data: { revokedAt: new Date() } })
    for (const { broker } of world.brokers) await broker.keeper.refresh()
    const { status, last } = await there.ask({ body: { id, result: answer }, headers })
    expect([status, last.error?.data?.rule]).toEqual([403, 'grant_missing'])
    expect(await denials(db, agentId)).toEqual(['answer_unknown', 'grant_missing'])
  },
)

test('what an agent of 2026-07-28 brings back answers what the call asked, and nothing else', async ({ db, world }) => {
  for (const serverId of ['modern', 'legacy'] as const) {
    const { agentId, here } = await reader(db, world, serverId)
    const capabilities = { elicitation: {} }
    const { last } = await here.ask(modernCall('asking', { capabilities }))
    const { requestState, inputRequests } = last.result as { requestState: string; inputRequests: object }
    const [key] = Object.keys(inputRequests)
    const again = (more: object) => here.ask(modernCall('asking', { capabilities, more }))
    for (const more of [
      { requestState, inputResponses: { other: answer } },
      { requestState, inputResponses: { [key!]: answer, constructor: answer } },
      { requestState: `${requestState}x`, inputResponses: { [key!]: answer } },
      { requestState, inputResponses: 'all' },
      { inputResponses: { [key!]: { anything: true } } },
    ]) {
      const refused = (await again(more)).last
      expect([refused.error?.code, refused.error?.data?.rule]).toEqual([-32602, 'answer_unknown'])
    }
    expect(await denials(db, agentId)).toEqual(Array(5).fill('answer_unknown'))
    // Without a state nothing is proven: only what the agent may be asked is looked into at all.
    const roots = (await again({ inputResponses: { any: { roots: [] } } })).last
    expect(JSON.stringify(roots)).toContain('grant_missing')
    const done = await again({ requestState, inputResponses: { [key!]: answer } })
    expect(JSON.stringify(done.last.result)).toContain('Ada')
    const where = { agentId, tool: 'elicitation/create' }
    const rows = await db.auditEvent.findMany({ where, orderBy: { seq: 'asc' } })
    expect(rows.map(({ detail }) => (detail as { outcome: string }).outcome)).toEqual(['asked', 'ok'])
    // How long its agent took, at whichever replica it was asked.
    expect((rows[1]!.detail as { ms: number }).ms).toBeGreaterThan(0)
  }
})

test('a server that asks what it may not is answered by which rule, and its call goes on to its end', async ({
  db,
  world,
}) => {
  // It may be asked something else, so that its call is made in a session of its own.
  const { agentId, here } = await reader(db, world, 'legacy', ['method:sampling/createMessage'])
  const { last } = await here.ask(modernCall('asking', { capabilities: { sampling: {} } }))
  const [heard] = last.result!['content'] as { text: string }[]
  expect(JSON.parse(heard!.text)).toMatchObject({ code: -32010, data: { rule: 'grant_missing' } })
  expect(await denials(db, agentId)).toEqual(['grant_missing'])
})

test('an answer without the state of its call reaches the question that the server asks now, and no other', async ({
  db,
  world,
}) => {
  const { heard } = world.servers.modern
  const { agentId, here } = await reader(db, world, 'modern')
  const capabilities = { elicitation: {} }
  const again = (more: object) => here.ask(modernCall('asking', { capabilities, more }))
  const { last } = await again({})
  const [key] = Object.keys((last.result as { inputRequests: object }).inputRequests)
  const outcomes = async () =>
    (await db.auditEvent.findMany({ where: { agentId, tool: 'elicitation/create' }, orderBy: { seq: 'asc' } })).map(
      ({ detail }) => (detail as { outcome: string }).outcome,
    )
  heard.length = 0
  // Asked for nowhere: the server never sees it, and whoever calls is asked.
  const strange = { action: 'accept', content: { name: 'Mallory' } }
  const asked = (await again({ inputResponses: { other: strange } })).last.result
  expect(asked).toMatchObject({ resultType: 'input_required', requestState: expect.any(String) as string })
  expect(heard.join()).not.toContain('Mallory')
  expect(await outcomes()).toEqual(['asked', 'asked'])
  // Of the kind and under the key that is asked for now; what comes with it stays here.
  const done = await again({ inputResponses: { [key!]: answer, other: strange } })
  expect(JSON.stringify(done.last.result)).toContain('Ada')
  expect(heard.join()).not.toContain('Mallory')
  expect(await outcomes()).toEqual(['asked', 'asked', 'asked', 'ok'])
  // A server of sessions asks when it comes to it: nothing that was brought before is an answer.
  const legacy = await reader(db, world, 'legacy')
  const brought = modernCall('asking', { capabilities, more: { inputResponses: { [key!]: strange } } })
  expect((await legacy.here.ask(brought)).last.result).toMatchObject({ resultType: 'input_required' })
  expect(world.servers.legacy.heard.join()).not.toContain('Mallory')
})

test('a session answers nothing by the parameters of a call', async ({ db, world }) => {
  const { agentId, here } = await reader(db, world, 'modern')
  const headers = await here.begin({ elicitation: {} })
  const params = { ...call.params, inputResponses: { name: answer } }
  const { last } = await here.ask({ body: { ...call, params }, headers })
  expect([last.error?.code, last.error?.data?.rule]).toEqual([-32602, 'answer_unknown'])
  expect(await denials(db, agentId)).toEqual(['answer_unknown'])
})

test('what is no answer is refused before it counts, and the answer after it counts', async ({ db, world }) => {
  const { agentId, here, there } = await reader(db, world, 'modern')
  const { headers, id, messages } = await asked(here)
  const none = [{ result: [] }, { result: 'yes' }, { error: { message: 'no' } }, { error: { code: 0.5, message: '' } }]
  for (const content of none) {
    expect(await there.ask({ body: { id, ...content }, headers })).toMatchObject({ status: 400, ...refusal })
  }
  expect(await denials(db, agentId)).toEqual(none.map(() => 'answer_unknown'))
  expect(await there.ask({ body: { id, result: answer }, headers })).toMatchObject({ status: 202 })
  expect(JSON.stringify((await messages.next()).value)).toContain('Ada')
})

test('an answer that cannot be read fails for whoever waits for it, and for nobody else', async ({ db, world }) => {
  const broken = await reader(db, world, 'modern')
  const other = await reader(db, world, 'modern')
  const [first, second] = [await asked(broken.here), await asked(other.here)]
  const where = { agentId: broken.agentId }
  await db.mcpQuestion.updateMany({ where, data: { answer: new Uint8Array(40), answeredAt: new Date() } })
  const { headers, id, messages } = second
  expect(await other.there.ask({ body: { id, result: answer }, headers })).toMatchObject({ status: 202 })
  expect(JSON.stringify((await messages.next()).value)).toContain('Ada')
  expect((await first.messages.next()).value?.error?.code).toBe(-32603)
})

test('an answer that could not be recorded or taken on may be sent again, and counts once', async ({ db, world }) => {
  const { agentId, here, there } = await reader(db, world, 'modern')
  const { headers, id, messages } = await asked(here)
  const send = () => there.ask({ body: { id, result: answer }, headers })
  await db.$executeRaw`alter table "McpQuestion" add constraint "full" check ("answer" is null)`
  try {
    expect((await send()).status).toBe(503)
  } finally {
    await db.$executeRaw`alter table "McpQuestion" drop constraint "full"`
  }
  // The record is part of it: while that cannot be written, nothing is claimed.
  const unlock = await lockedLog(db)
  expect((await send()).status).toBe(503)
  await unlock()
  await until(async () => (await send()).status === 202, 20_000)
  expect(JSON.stringify((await messages.next()).value)).toContain('Ada')
  expect((await send()).status).toBe(400)
  expect((await denials(db, agentId)).filter((rule) => rule !== 'answer_unknown')).toEqual([])
})

/** Nothing can be put on record until the returned function is called. */
async function lockedLog(db: Db): Promise<() => Promise<void>> {
  const [locked, unlocked] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  const transaction = db.$transaction(
    async (tx) => {
      await tx.$executeRaw`lock table "AuditEvent" in access exclusive mode`
      locked.resolve()
      await unlocked.promise
    },
    { timeout: 30_000 },
  )
  await locked.promise
  return async () => {
    unlocked.resolve()
    await transaction
  }
}
