import fc from 'fast-check'
import pg from 'pg'
import { expect, onTestFinished } from 'vitest'
import type { z } from 'zod'
import type { Db } from '#lib/db/client.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { ctxFor, makeAgent, makePerson, makeTeam } from '#lib/dev/test/fleet.ts'
import { enforcePolicies, forbids, permitsGranted } from '#lib/dev/test/policy-sets.ts'
import { makeGrant, makeServer } from '#lib/dev/test/registry.ts'
import { callIn, simulate } from '#lib/guardrails/queries/explanation/simulate.ts'
import { decide, decideCaller } from '#lib/guardrails/rules/decide.ts'
import type { PolicyView, ToolCall } from '#lib/guardrails/rules/facts.ts'
import { judgedOf, situationOf } from '#lib/guardrails/rules/situation.ts'
import { type ReplayedSet, replayedSet } from '#lib/guardrails/queries.ts'
import { holdFor } from '#lib/guardrails/rules/holds.ts'
import { runTriggers } from '#lib/guardrails/schema/explanation.ts'
import { agentStatuses, environments, sensitivities, tiers, toolClasses, toolStates } from '#lib/registry/schema.ts'
import { createLog } from '#lib/log/log.ts'
import { GrantRates } from '../grant-rates.ts'
import { simulatedLimits, standardLimits } from '../limits.ts'
import { RateLimits } from '../rate-limits.ts'
import { loadAll } from './load.ts'
import { BrokerView } from './view.ts'

const now = new Date()
type JsonValue = z.infer<ReturnType<typeof z.json>>
const hourMs = 3_600_000
const log = createLog({ process: 'broker', level: 'silent' })

const conditions = [
  [],
  [],
  [{ pointer: '/amount', range: { max: 100 } }],
  [{ pointer: '/account', prefix: 'DE' }],
  [{ pointer: '/lines/*/kind', in: ['a', 'b'] }],
]
const argumentsOf: Record<string, JsonValue>[] = [
  {},
  { amount: 50 },
  { amount: 500, account: 'DE1' },
  { lines: [{ kind: 'a' }, { kind: 'c' }] },
  // One level more than is taken.
  { deep: { of: { it: {} } } },
  { amount: 50, note: 'x'.repeat(300) },
]
/** Small ones, so that a request can be over them. */
const limits = { ...standardLimits, requestBytesMax: 300, requestDepthMax: 5 }
const active = ['active', 'active', 'active'] as const
const approved = ['approved', 'approved'] as const
const calm = [null, null, null, null, null, null] as const
const toolNames = ['one', 'two', 'three']

const grantPlan = fc.record({
  class: fc.constantFrom(...toolClasses, 'destructive' as const, 'write' as const),
  toolName: fc.constantFrom(null, null, null, null, 'one', 'two', 'gone', 'method:sampling/createMessage'),
  via: fc.constantFrom('request', 'request', 'break_glass'),
  endsIn: fc.constantFrom(null, null, null, hourMs, hourMs, 0, -hourMs, -100 * 24 * hourMs),
  revoked: fc.constantFrom(false, false, false, true),
  conditions: fc.constantFrom(...conditions),
  rate: fc.boolean(),
})
const policyTexts = [
  forbids('policy_hours', `context.hour < 24 && context.weekday <= 7 && resource.class == "destructive"`),
  forbids('policy_production', `resource.server.environment == "production" && !context.breakGlass`),
  forbids('policy_sensitive', `resource.server.sensitivity == "restricted" && resource.class != "read"`),
  forbids('policy_scripted', `context.simulated && resource.class == "write"`),
  forbids('policy_outside_of_runs', `!(context has session) && resource.class == "write"`),
  forbids('policy_scheduled', `context has session && context.session.startedBy == "schedule"`),
  forbids('policy_low', `principal.tier == "low" && resource.server.demo`),
]
const plan = fc.record({
  tier: fc.constantFrom(...tiers),
  status: fc.constantFrom(...active, ...active, ...active, ...agentStatuses),
  server: fc.record({
    environment: fc.constantFrom(...environments),
    sensitivity: fc.constantFrom(...sensitivities),
    status: fc.constantFrom(...active, ...active, 'disabled' as const),
    demo: fc.boolean(),
  }),
  tools: fc.tuple(
    ...toolNames.map(() =>
      fc.record({
        class: fc.constantFrom(...toolClasses),
        state: fc.constantFrom(...approved, ...approved, ...toolStates),
      }),
    ),
  ),
  grants: fc.array(grantPlan, { minLength: 2, maxLength: 7 }),
  stop: fc.constantFrom(...calm, 'agent', 'team', 'server', 'tool'),
  overBudget: fc.constantFrom(...calm, 'this', 'last'),
  hold: fc.constantFrom(
    null,
    { class: 'read' },
    { class: 'write' },
    { toolName: 'one' },
    { conditions: conditions[2]! },
  ),
  released: fc.boolean(),
  bypass: fc.constantFrom(null, null, 'all', 'agent', 'own', 'over', 'ended', 'left'),
  startedBy: fc.constantFrom(null, ...runTriggers),
  /** Who is behind the call: whoever opened the bypass, somebody else, or it is not known. */
  behind: fc.constantFrom('opener', 'other', 'other', 'unknown'),
  simulatedModel: fc.boolean(),
  policies: fc.subarray(policyTexts, { maxLength: 2 }),
  /** Of what it sends. */
  ownLimits: fc.constantFrom<AgentOwn[]>(
    {},
    {},
    { requestBytesMax: 110 },
    { requestDepthMax: 3 },
    { requestDepthMax: 99 },
  ),
  /** Otherwise another set is, and it is asked for by its number. */
  enforced: fc.boolean(),
})
type AgentOwn = { requestBytesMax?: number; requestDepthMax?: number }
type Plan = typeof plan extends fc.Arbitrary<infer Value> ? Value : never

/** What was decided, without words. */
type Verdict = { outcome: string; rule: string | null; message: string | null; hold: string | null }
const waits = / Try again in \d+ s\.$/

dbTest(
  'a simulation says what the broker decides, and a replay says it again, on any fleet and under any policies',
  async ({ db, databaseUrl }) => {
    const view = new BrokerView()
    const client = new pg.Client({ connectionString: databaseUrl })
    await client.connect()
    onTestFinished(() => client.end())
    const seen = new Set<string>()
    await fc.assert(
      fc.asyncProperty(plan, async (plan) => {
        const { agentId, serverId, behindId, clear } = await build(db, plan)
        const { number } = await enforcePolicies(db, [permitsGranted, ...plan.policies])
        await loadAll(client, view)
        const replayed = await replayedSetOf(db, number)
        if (!plan.enforced) await enforcePolicies(db, [])
        const ctx = ctxFor(db, undefined, now)
        const rates = new GrantRates({ db, log, waitMs: 5000 })
        const brokers = simulatedLimits(limits)
        for (const agent of [agentId, 'nobody']) {
          for (const server of [serverId, 'nowhere']) {
            for (const tool of [...toolNames, 'gone', 'method:resources/read', 'method:sampling/createMessage']) {
              for (const given of agent === 'nobody' || server === 'nowhere' ? [{}] : argumentsOf) {
                const { startedBy, simulatedModel } = plan
                const of = { agentId: agent, serverId: server, tool, arguments: given }
                const asked = { ...of, simulatedModel, startedBy, behindId }
                const said = await simulate(ctx, { ...asked, ...(plan.enforced ? {} : { policySet: number }) }, brokers)
                const broker = await atBroker({ view, rates }, asked)
                expect(verdictOf(said)).toEqual(broker)
                const again = replayedOf(view, asked, replayed)
                // What was refused before it was read, the policies were not asked about.
                if (again !== undefined && !broker.rule?.startsWith('request_'))
                  expect(again).toBe(broker.rule?.startsWith('policy_') ? broker.rule : null)
                expect(said.steps.filter(({ outcome }) => outcome === 'refused' || outcome === 'held').length).toBe(
                  broker.outcome === 'allowed' ? 0 : 1,
                )
                seen.add(broker.outcome === 'refused' ? broker.rule! : broker.outcome)
              }
            }
          }
        }
        await clear()
      }),
      { numRuns: 40, seed: 20261126 },
    )
    // It is about nothing if the fleets are all alike.
    expect([...seen]).toEqual(
      expect.arrayContaining(['allowed', 'held', 'killed', 'grant_missing', 'grant_expired', 'grant_condition']),
    )
    expect([...seen]).toEqual(
      expect.arrayContaining([
        'agent_unknown',
        'agent_not_active',
        'server_unknown',
        'tool_quarantined',
        'budget_exceeded',
        'grant_rate',
        'request_too_deep',
        'request_too_large',
      ]),
    )
    expect([...seen].some((rule) => rule.startsWith('policy_'))).toBe(true)
  },
  420_000,
)

/** What a broker decides, and counts. */
async function atBroker(
  { view, rates }: { view: BrokerView; rates: GrantRates },
  asked: Parameters<typeof callIn>[1],
): Promise<Verdict> {
  const { call, view: withRun } = callIn(view, asked)
  const unread = refusedUnread(call, withRun)
  if (unread) return { outcome: 'refused', ...unread, hold: null }
  const tooOften = new RateLimits(limits, ownRates(view)).takeForAgent(call.caller.agentId)
  if (tooOften) return { outcome: 'refused', rule: tooOften.rule, message: tooOften.message, hold: null }
  const decision = decide(call, withRun, now)
  if (!decision.ok) {
    return { outcome: 'refused', rule: decision.error.rule, message: decision.error.message, hold: null }
  }
  const { rule: hold } = holdFor(call, decision.value, { view, now })
  const usedUp = hold ? null : await rates.take(decision.value)
  // When it goes again it says by its own clock.
  if (usedUp) return { outcome: 'refused', rule: usedUp.rule, message: usedUp.message.replace(waits, ''), hold: null }
  if (hold) return { outcome: 'held', rule: `hold:${hold.id}`, message: hold.title, hold: hold.id }
  return { outcome: 'allowed', rule: null, message: null, hold: null }
}

/** As the endpoint does it: who calls and which server is asked, then the body, then what it says. */
function refusedUnread(call: ToolCall, view: PolicyView): { rule: string; message: string } | null {
  if (call.isMethod || !decideCaller(call.caller, view).ok || !view.servers.has(call.serverId)) return null
  const params = { name: call.tool, arguments: call.arguments }
  const text = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params })
  const { requestBytesMax, requestDepthMax } = view.agents.get(call.caller.agentId) ?? {}
  const bytes = Math.min(limits.requestBytesMax, requestBytesMax ?? Infinity)
  const levels = Math.min(limits.requestDepthMax, requestDepthMax ?? Infinity)
  const who = (isOwn: boolean) => (isOwn ? 'A request of this agent' : 'A request')
  if (Buffer.byteLength(text) > bytes)
    return { rule: 'request_too_large', message: `${who(bytes === requestBytesMax)} may be ${bytes} bytes long.` }
  if (levelsOf(JSON.parse(text)) > levels)
    return {
      rule: 'request_too_deep',
      message: `${who(levels === requestDepthMax)} may be nested ${levels} levels deep.`,
    }
  return null
}

function levelsOf(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0
  return 1 + Math.max(0, ...Object.values(value).map(levelsOf))
}

const ownRates = (view: BrokerView) => ({
  agent: (id: string) => view.agents.get(id)?.callsPerSecond,
  server: (id: string) => view.servers.get(id)?.callsPerSecond,
})

/** What a replay decides again from what would be recorded of the decision; undefined: it is not the policies'. */
function replayedOf(
  view: BrokerView,
  asked: Parameters<typeof callIn>[1],
  set: ReplayedSet,
): string | null | undefined {
  const { call, view: withRun } = callIn(view, asked)
  const decision = decide(call, withRun, now)
  const judged = decision.ok ? decision.value.judged : judgedOf(decision.error)
  if (!judged) return undefined
  const { hour, weekday } = judged.question.clock
  return set.verdict(situationOf(judged.question).facts, set.timed ? (weekday - 1) * 24 + hour : null)
}

async function replayedSetOf(db: Db, number: number): Promise<ReplayedSet> {
  const select = { number: true, version: true, policies: true } as const
  return replayedSet(await db.policySet.findUniqueOrThrow({ where: { number }, select }))
}

function verdictOf({ outcome, rule, message, hold }: Awaited<ReturnType<typeof simulate>>): Verdict {
  const said = rule === 'grant_rate' ? message!.replace(waits, '') : message
  return { outcome, rule, message: said, hold: hold?.ruleId ?? null }
}

async function build(db: Db, plan: Plan) {
  const teamId = await makeTeam(db)
  const { id: agentId } = await makeAgent(db, { ownerTeamId: teamId, tier: plan.tier, status: plan.status })
  await db.agent.update({ where: { id: agentId }, data: plan.ownLimits })
  const serverId = await makeServer(db, {
    ...plan.server,
    tools: Object.fromEntries(toolNames.map((name, at) => [name, plan.tools[at]!])),
  })
  for (const { endsIn, revoked, rate, ...grant } of plan.grants) {
    await makeGrant(db, {
      agentId,
      serverId,
      ...grant,
      expiresAt: endsIn === null ? null : new Date(now.getTime() + endsIn),
      revokedAt: revoked ? now : null,
      ...(rate ? { rateCalls: 3, ratePer: 'hour' } : {}),
    })
  }
  const targets = { agent: agentId, team: teamId, server: serverId, tool: `${serverId}/one` }
  if (plan.stop) {
    const released = plan.released ? { releasedAt: now, releasedByName: 'Ada' } : {}
    await db.stopOrder.create({
      data: {
        scope: plan.stop as 'agent',
        targetId: targets[plan.stop as 'agent'],
        reason: 'a test',
        orderedByName: 'Ada',
        ...released,
      },
    })
  }
  if (plan.overBudget) {
    const month = plan.overBudget === 'this' ? now.toISOString().slice(0, 7) : '2020-01'
    await db.overBudget.create({ data: { agentId, month, spentMicros: 2n, budgetMicros: 1n } })
  }
  let openerId: string | null = null
  if (plan.hold) {
    const rule = { title: 'Waits', serverId, deciderRoles: ['security'], decideSeconds: 60, ...plan.hold }
    const { id: ruleId } = await db.holdRule.create({ data: rule })
    if (plan.bypass) openerId = await openBypass(db, { how: plan.bypass, ruleId, agentId, teamId })
  }
  const behindId = plan.behind === 'unknown' ? null : plan.behind === 'opener' ? openerId : crypto.randomUUID()
  return {
    agentId,
    serverId,
    behindId,
    /** Stops and rules of one fleet must not reach the next. */
    async clear() {
      await db.stopOrder.deleteMany()
      await db.holdBypass.deleteMany()
      await db.holdRule.deleteMany()
    },
  }
}

/** For all agents, this one, or all but this one, whose opener's team owns it; or one whose time is over, that was ended, or whose opener may open none any more. */
async function openBypass(
  db: Db,
  { how, ruleId, agentId, teamId }: { how: string; ruleId: string; agentId: string; teamId: string },
): Promise<string> {
  const roles = how === 'left' ? (['finance'] as const) : (['security'] as const)
  const opener = await makePerson(db, { roles: [...roles], teamIds: how === 'own' ? [teamId] : [] })
  await db.holdBypass.create({
    data: {
      ruleId,
      agentId: how === 'agent' ? agentId : null,
      reason: 'All are away.',
      openedById: opener.id,
      openedAt: new Date(now.getTime() - 2 * hourMs),
      expiresAt: new Date(now.getTime() + (how === 'over' ? -hourMs : hourMs)),
      endedAt: how === 'ended' ? now : null,
    },
  })
  return opener.id
}
