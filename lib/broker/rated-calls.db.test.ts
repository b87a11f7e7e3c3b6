import { expect } from 'vitest'
import type { Db } from '#lib/db/client.ts'
import { makeAgent } from '#lib/dev/test/broker.ts'
import { agentSession, brokerWorld, until } from '#lib/dev/test/broker-world.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { ctxFor, makePerson } from '#lib/dev/test/fleet.ts'
import { makeGrant } from '#lib/dev/test/registry.ts'
import { createHoldRule, decideHeldCall } from '#lib/guardrails/commands.ts'
import { createHoldRuleInput } from '#lib/guardrails/schema/held-calls.ts'
import { type Call, denialOf, waitingCall } from './testing/hold-world.ts'
import { startBroker } from './testing/start-broker.ts'

const test = dbTest.extend('world', { scope: 'file' }, async ({ db, databaseUrl }, { onCleanup }) => {
  const world = await brokerWorld({ db, databaseUrl, startBroker })
  onCleanup(() => world.stop())
  return world
})

type World = { broker: { url: string; broker: { keeper: { refresh(): Promise<void> } } } }

/** An agent under a grant with a rate that was used once, and what happens while its next call is counted. */
async function whileCounted(db: Db, world: World, happens: (grantId: string) => Promise<void>) {
  const agent = await makeAgent(db)
  const of = { agentId: agent.agentId, serverId: 'modern', class: 'write', rateCalls: 9, ratePer: 'hour' } as const
  const grantId = await makeGrant(db, of)
  const client = await agentSession(db, world, { agent })
  const change = (word: string) => client.callTool({ name: 'change', arguments: { word } }) as Promise<Call>
  expect((await change('first')).content).toEqual([{ type: 'text', text: 'changed first' }])
  const answer = await db.$transaction(
    async (tx) => {
      await tx.$queryRaw`select 1 from "GrantUse" where "grantId" = ${grantId}::uuid for update`
      const answer = change('second')
      await until(async () => {
        const [waiting] = await db.$queryRaw<{ count: number }[]>`
          select count(*)::int as "count" from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock' and query like '%grant_use_take%'`
        return waiting!.count === 1
      })
      await happens(grantId)
      return { answer }
    },
    { timeout: 30_000 },
  )
  return { agent, client, answer: answer.answer }
}

test('a grant that is revoked while its call is counted lets nothing through', async ({ db, world }) => {
  const { client, answer } = await whileCounted(db, world, async (id) => {
    await db.grant.update({ where: { id }, data: { revokedAt: new Date() } })
    await world.broker.broker.keeper.refresh()
  })
  expect(denialOf(await answer)).toMatchObject({ rule: 'grant_missing' })
  expect(world.upstreams.modern.calls).not.toContainEqual({ tool: 'change', arguments: { word: 'second' } })
  await client.close()
})

test('a rule that is made while a call is counted holds it', async ({ db, world }) => {
  const security = await makePerson(db, { roles: ['security'] })
  const { agent, client, answer } = await whileCounted(db, world, async () => {
    const rule = { title: 'Changes wait', serverId: 'modern', toolName: 'change', deciderRoles: ['security'] }
    await createHoldRule(ctxFor(db, security), createHoldRuleInput.parse(rule))
    await world.broker.broker.keeper.refresh()
  })
  const { id } = await waitingCall(db, agent)
  const note = 'Not today.'
  await decideHeldCall(ctxFor(db, security), { heldCallId: id, decision: 'reject', note })
  expect(denialOf(await answer)).toMatchObject({ rule: 'call_rejected' })
  await client.close()
})
