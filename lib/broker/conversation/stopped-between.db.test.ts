import { expect } from 'vitest'
import type { Db } from '#lib/db/client.ts'
import { makeAgent, sessionToken } from '#lib/dev/test/broker.ts'
import { until } from '#lib/dev/test/broker-world.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { ctxFor } from '#lib/dev/test/fleet.ts'
import { makeGrant } from '#lib/dev/test/registry.ts'
import { explainDecision } from '#lib/guardrails/queries/explanation/decision.ts'
import { modernCall, RawAgent } from '../testing/raw-agent.ts'
import type { TestBroker } from '../testing/start-broker.ts'
import { talkativeWorld } from '../testing/talkative-world.ts'

const test = dbTest.extend('world', { scope: 'file' }, async ({ db, databaseUrl }, { onCleanup }) => {
  // Long enough for what happens meanwhile on any machine.
  const { servers, brokers, stop } = await talkativeWorld({ db, databaseUrl }, [{ auditWaitMs: 40_000 }])
  onCleanup(stop)
  return { servers, broker: brokers[0] }
})

/** An agent that may be asked, and its grants: for the server's tools, and for what it asks. */
async function reader(db: Db, { broker }: { broker: TestBroker }, serverId: string) {
  const agent = await makeAgent(db)
  const grants = []
  for (const toolName of [undefined, 'method:elicitation/create'])
    grants.push(await makeGrant(db, { agentId: agent.agentId, serverId, ...(toolName ? { toolName } : {}) }))
  await broker.broker.keeper.refresh()
  const raw = new RawAgent(`${broker.url}/mcp/${serverId}`, await sessionToken(db, broker.url, agent))
  return { ...agent, grants, raw }
}

/** Revokes while what an agent sent waits to be put on record, and has it recorded then. */
async function revokedWhileRecorded<T>(
  db: Db,
  { broker, grantId, send }: { broker: TestBroker; grantId: string; send: () => Promise<T> },
): Promise<T> {
  let answer: Promise<T>
  await db.$transaction(
    async (tx) => {
      await tx.$executeRaw`lock table "AuditEvent" in access exclusive mode`
      answer = send()
      await until(async () => {
        const waiting = await db.$queryRaw<object[]>`select 1 from pg_stat_activity where datname = current_database()
          and application_name = 'wheelhouse-broker-audit' and wait_event_type = 'Lock'`
        return waiting.length > 0
      }, 20_000)
      await db.grant.update({ where: { id: grantId }, data: { revokedAt: new Date() } })
      await broker.broker.keeper.refresh()
    },
    { timeout: 40_000 },
  )
  return await answer!
}

test.for(['modern', 'legacy'] as const)(
  'a call that goes on is refused when what it needs is revoked while its answers are put on record (%s)',
  async (serverId, { db, world }) => {
    const capabilities = { elicitation: {} }
    for (const revoked of [0, 1]) {
      const { raw, grants } = await reader(db, world, serverId)
      const { result } = (await raw.ask(modernCall('asking', { capabilities }))).last
      const { requestState, inputRequests } = result as Record<string, object>
      const inputResponses = { [Object.keys(inputRequests!)[0]!]: { action: 'accept', content: { name: 'Ada' } } }
      const send = () => raw.ask(modernCall('asking', { capabilities, more: { requestState, inputResponses } }))
      const heard = world.servers[serverId].heard.length
      const { last } = await revokedWhileRecorded(db, { ...world, grantId: grants[revoked]!, send })
      expect(JSON.stringify(last)).toContain('grant_missing')
      expect(world.servers[serverId].heard.slice(heard).join()).not.toContain('Ada')
    }
  },
)

test('so is an answer in a session', async ({ db, world }) => {
  for (const serverId of ['modern', 'legacy'] as const) {
    const { raw, grants } = await reader(db, world, serverId)
    const headers = await raw.begin({ elicitation: {} })
    const { messages } = await raw.send({
      body: { id: 3, method: 'tools/call', params: { name: 'asking', arguments: {} } },
      headers,
    })
    const { id } = (await messages.next()).value!
    const body = { id: id!, result: { action: 'accept', content: { name: 'Ada' } } }
    const heard = world.servers[serverId].heard.length
    const send = () => raw.ask({ body, headers })
    const { status, last } = await revokedWhileRecorded(db, { ...world, grantId: grants[1]!, send })
    expect([status, last.error?.data?.['rule']]).toEqual([403, 'grant_missing'])
    expect(world.servers[serverId].heard.slice(heard).join()).not.toContain('Ada')
  }
})

test('an answer that stays here because its grant went while its end was put on record is on record as that', async ({
  db,
  world,
}) => {
  const { raw, grants, agentId } = await reader(db, world, 'modern')
  const send = () => raw.ask(modernCall('plain'))
  const { last } = await revokedWhileRecorded(db, { ...world, grantId: grants[0]!, send })
  expect(JSON.stringify(last)).toContain('grant_missing')
  const rows = await db.auditEvent.findMany({
    where: { agentId, event: { in: ['mcp.call_allowed', 'mcp.result_passed'] } },
    orderBy: { seq: 'asc' },
  })
  expect(rows).toMatchObject([
    { event: 'mcp.call_allowed', rule: null, detail: { outcome: 'ok' } },
    { event: 'mcp.result_passed', rule: 'grant_missing', detail: { outcome: 'aborted', withheld: true, bytes: 0 } },
  ])
  // What the agent is told names the record of that.
  expect(JSON.stringify(last)).toContain(rows[1]!.id)
  expect(await explainDecision(ctxFor(db), { id: rows[1]!.id })).toMatchObject({ outcome: 'ended' })
})
