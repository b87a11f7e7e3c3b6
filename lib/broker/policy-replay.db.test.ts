import { expect } from 'vitest'
import type { Db } from '#lib/db/client.ts'
import { makeAgent, type TestAgent } from '#lib/dev/test/broker.ts'
import { agentSession, type BrokerWorld, brokerWorld, until } from '#lib/dev/test/broker-world.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { ctxFor, makePerson } from '#lib/dev/test/fleet.ts'
import { enforcePolicies, forbids, permitsGranted } from '#lib/dev/test/policy-sets.ts'
import { makeGrant } from '#lib/dev/test/registry.ts'
import { runPolicyReplay, startPolicyReplay } from '#lib/guardrails/commands.ts'
import { getPolicyReplay, listReplayedCalls, openPolicySet, readPolicySource } from '#lib/guardrails/queries.ts'
import { questionOf } from '#lib/guardrails/rules/situation.ts'
import { situationFacts } from '#lib/guardrails/schema/situations.ts'
import { breakGlass } from '#lib/scopes/commands.ts'
import { startBroker, type TestBroker } from './testing/start-broker.ts'

const test = dbTest.extend('world', { scope: 'file' }, async ({ db, databaseUrl }, { onCleanup }) => {
  const world = await brokerWorld({ db, databaseUrl, startBroker })
  onCleanup(world.stop)
  return world
})
type World = BrokerWorld<TestBroker>

const hour = new Date().getUTCHours()
const firstSet = async () => [...(await readPolicySource()).policies]
/** Whatever the hour is when the calls are made: both are refused, or neither of others. */
const hours = `context.hour == ${hour} || context.hour == ${(hour + 1) % 24}`
const secondSet = [
  permitsGranted,
  forbids('policy_no_changes', 'resource.class != "read" && !context.breakGlass'),
  forbids('policy_low_now', `principal.tier == "low" && (${hours})`),
  forbids('policy_scheduled', 'context has session && context.session.startedBy == "schedule"'),
  forbids('policy_later', `context.hour == ${(hour + 12) % 24}`),
]

test('what the policies decided about real calls, each set decides again the same, whatever was decided and why', async ({
  db,
  world,
}) => {
  // On production, so that the policies of the release have something to refuse.
  await db.mcpServer.update({ where: { id: 'modern' }, data: { environment: 'production', sensitivity: 'restricted', demo: false } }) // prettier-ignore
  const [high, low, scripted, scheduled] = [
    await agentWith(db, { tier: 'high' }),
    await agentWith(db, { tier: 'low' }),
    await agentWith(db, { tier: 'medium', run: { simulated: true } }),
    await agentWith(db, { tier: 'medium', run: { trigger: 'schedule' } }),
  ]
  const onCall = ctxFor(db, await makePerson(db, { roles: ['on_call'] }))
  const reason = 'The table is full and the service is down.'
  const emergency = { agentId: low.agentId, serverId: 'modern', class: 'destructive', toolName: 'wipe', minutes: 30, reason } as const // prettier-ignore
  const first = await enforced(db, world, await firstSet())
  await everybodyCalls(db, world, [high, low, scripted, scheduled])
  await breakGlass(onCall, emergency)
  await everybodyCalls(db, world, [low])
  const second = await enforced(db, world, secondSet)
  await everybodyCalls(db, world, [high, low, scripted, scheduled])

  const rows = await decisions(db)
  const sets = new Map(
    await Promise.all([first, second].map(async (set) => [set.version, await openPolicySet(set)] as const)),
  )
  for (const { id, rule, situation, version, facts, clock } of rows) {
    const says = sets.get(version)!.judge(questionOf(situationFacts.parse(facts), clock))
    expect({ id, situation, says }).toEqual({ id, situation, says: rule })
  }
  // Both sets allowed and refused, by several rules, also in an emergency and to a script.
  const rules = (version: string) => new Set(rows.filter((row) => row.version === version).map(({ rule }) => rule))
  expect(rules(first.version)).toEqual(
    new Set([null, 'policy_destructive_on_production', 'policy_low_tier_on_restricted', 'policy_simulated_changes_nothing_real']), // prettier-ignore
  )
  expect(rules(second.version)).toEqual(new Set([null, 'policy_no_changes', 'policy_low_now', 'policy_scheduled']))

  const ctx = ctxFor(db, await makePerson(db, { roles: ['security'] }))
  for (const { number, version } of [first, second]) {
    const { replayId } = await startPolicyReplay(ctx, { number, since: '1h' })
    await runPolicyReplay(ctxFor(db), { replayId })
    const { figures, against } = await getPolicyReplay(ctx, replayId)
    expect(figures).toMatchObject({ unreproduced: 0, unjudged: 0, judged: rows.length })
    // Asked about nothing, the policies were, where a grant was missing: one call of each session.
    expect(figures?.untouched).toBe(await db.auditEvent.count({ where: { rule: 'grant_missing' } }))
    expect(against.find((each) => each.version === version)?.number).toBe(number)
    // The difference is that of the decisions: what the other set decided, asked of this one.
    const set = await openPolicySet({
      number,
      version,
      policies: number === first.number ? first.policies : second.policies,
    })
    const differ = rows.filter(({ rule, facts, clock }) => {
      const says = set.judge(questionOf(situationFacts.parse(facts), clock))
      return rule === null && says !== null
    })
    expect(figures?.blocked.calls).toBe(differ.length)
    const { items } = await listReplayedCalls(ctx, { replayId, limit: 500 })
    expect(items.map(({ id }) => id).toSorted()).toEqual(differ.map(({ id }) => id).toSorted())
  }
})

async function enforced(db: Db, world: World, policies: string[]) {
  const { number, version } = await enforcePolicies(db, policies)
  await until(async () => {
    await world.broker.broker.keeper.refresh()
    return world.broker.broker.keeper.view.policies.version === version
  })
  return { number, version, policies }
}

async function agentWith(
  db: Db,
  facts: { tier: 'low' | 'medium' | 'high'; run?: { simulated?: boolean; trigger?: 'schedule' } },
): Promise<TestAgent> {
  const agent = await makeAgent(db, facts)
  await makeGrant(db, { agentId: agent.agentId, serverId: 'modern', class: 'destructive' })
  return agent
}

/** Something that reads, that changes and that destroys, and something that is not granted. */
async function everybodyCalls(db: Db, world: World, agents: readonly TestAgent[]): Promise<void> {
  for (const agent of agents) {
    const client = await agentSession(db, world, { agent })
    for (const name of ['look', 'look', 'change', 'wipe']) await client.callTool({ name, arguments: { word: 'x' } })
    await client.close()
    const elsewhere = await agentSession(db, world, { agent, serverId: 'legacy' })
    await elsewhere.callTool({ name: 'look', arguments: {} })
    await elsewhere.close()
  }
}

type Decided = { id: string; rule: string | null; situation: string; version: string; facts: unknown; clock: number }

/** Every decision that names a situation, as it is on record. */
async function decisions(db: Db): Promise<Decided[]> {
  return await db.$queryRaw<Decided[]>`
    select e."id"::text, case when e."event" = 'mcp.call_denied' then e."rule" end as "rule", s."digest" as "situation",
      e."detail"->>'policyVersion' as "version", s."facts",
      ((extract(isodow from d."at") - 1) * 24 + extract(hour from d."at"))::int as "clock"
    from "AuditEvent" e
    join "PolicySituation" s on s."digest" = e."detail"->>'situation'
    cross join lateral (select coalesce((e."detail"->>'decidedAt')::timestamptz, e."at") at time zone 'UTC' as "at") d
    where e."event" in ('mcp.call_allowed', 'mcp.call_denied') order by e."seq"`
}
