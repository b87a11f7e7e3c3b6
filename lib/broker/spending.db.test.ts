import { expect } from 'vitest'
import type { Db } from '#lib/db/client.ts'
import { encryptionKey, makeAgent, portalUrl } from '#lib/dev/test/broker.ts'
import { agentSession, brokerWorld, lastEvent, until } from '#lib/dev/test/broker-world.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { ctxFor, makePerson } from '#lib/dev/test/fleet.ts'
import { makeGrant } from '#lib/dev/test/registry.ts'
import { startWorkerProcess } from '#lib/dev/test/worker-process.ts'
import { createHoldRule } from '#lib/guardrails/commands.ts'
import { simulate } from '#lib/guardrails/queries/explanation/simulate.ts'
import type { SimulationView } from '#lib/guardrails/schema/explanation.ts'
import { createHoldRuleInput } from '#lib/guardrails/schema/held-calls.ts'
import { refreshOverBudget, setCallPrice } from '#lib/metrics/commands.ts'
import { simulatedLimits, standardLimits } from './limits.ts'
import { type Call, decideIt, denialOf, waitingCall } from './testing/hold-world.ts'
import { startBroker, type TestBroker } from './testing/start-broker.ts'

// What agents have spent is compared with their budgets by a worker: of brokers that nobody tells any more what is spent.

const ageMsMax = 20_000

const test = dbTest.extend('world', { scope: 'file' }, async ({ db, databaseUrl }, { onCleanup }) => {
  // It calls until something changes: that is no matter of how often.
  const limits = { spendingAgeMsMax: ageMsMax, agentCallsPerSecond: 0, serverCallsPerSecond: 0 }
  const world = await brokerWorld({ db, databaseUrl, startBroker: (options) => startBroker({ ...options, limits }) })
  onCleanup(() => world.stop())
  const finance = ctxFor(db, await makePerson(db, { roles: ['finance'] }))
  await setCallPrice(finance, { serverId: 'modern', tool: 'change', listUnitPriceMicros: '10000' })
  const security = await makePerson(db, { roles: ['security'] })
  const agent = await makeAgent(db)
  await makeGrant(db, { agentId: agent.agentId, serverId: 'modern', class: 'write' })
  const client = await agentSession(db, world, { agent })
  const call = (name: string, word = '') => client.callTool({ name, arguments: { word } }) as Promise<Call>
  return { ...world, security, agent, call }
})

const ruleOf = (answer: Call) => denialOf(answer)?.['rule'] ?? null

test(
  'without a worker calls that cost are refused, and others go on',
  { timeout: 240_000 },
  async ({ db, databaseUrl, world }) => {
    const { agent, call } = world
    const refused = await call('change')
    expect(denialOf(refused)).toMatchObject({ rule: 'spending_unknown' })
    expect(refused.content[0]?.text).toContain('The call costs $0.01, and what agents have spent was never compared')
    expect(ruleOf(await call('look'))).toBeNull()
    const event = await lastEvent(db, agent.agentId, 'mcp.call_denied')
    expect(event).toMatchObject({ rule: 'spending_unknown', detail: { step: 'budget' } })
    const worker = await startWorkerProcess({
      DATABASE_URL: databaseUrl,
      WHEELHOUSE_URL: portalUrl,
      WHEELHOUSE_ENCRYPTION_KEY: encryptionKey,
    })
    try {
      await until(async () => ruleOf(await call('change')) === null)
    } finally {
      await worker.kill()
    }
    await until(async () => ruleOf(await call('change')) === 'spending_unknown', 60_000)
    expect(ruleOf(await call('look'))).toBeNull()
  },
)

/** A worker last looked at what agents have spent at that instant. */
const lookingAt =
  (db: Db, { broker }: { broker: TestBroker }) =>
  async (at: Date) => {
    await db.spendingLook.updateMany({ data: { at: new Date(0) } })
    await refreshOverBudget(ctxFor(db, undefined, at))
    await broker.broker.keeper.refresh()
  }

test('a simulation says so too: of now, as the broker does, and of another instant that it is not known', async ({
  db,
  world,
}) => {
  const lookedAt = lookingAt(db, world)
  const simulated = (tool: string, at?: string) =>
    simulate(
      ctxFor(db),
      { agentId: world.agent.agentId, serverId: 'modern', tool, ...(at ? { at } : {}) },
      simulatedLimits({ ...standardLimits, spendingAgeMsMax: ageMsMax }),
    )
  const budgetOf = ({ steps }: SimulationView) => steps.find(({ id }) => id === 'budget')
  const year = new Date().getUTCFullYear() + 1
  for (const isLate of [true, false]) {
    await lookedAt(isLate ? new Date(0) : new Date(Date.now() + 600_000))
    for (const tool of ['change', 'look']) {
      const rule = isLate && tool === 'change' ? 'spending_unknown' : null
      expect([isLate, tool, ruleOf(await world.call(tool))]).toEqual([isLate, tool, rule])
      const now = await simulated(tool)
      expect([isLate, tool, now.rule, now.outcome]).toEqual([isLate, tool, rule, rule ? 'refused' : 'allowed'])
      expect(budgetOf(now)?.outcome).toBe(rule ? 'refused' : 'passed')
      if (rule) {
        expect(now).toMatchObject({ step: 'budget', title: 'No call that costs while spending is not known' })
        expect(now.message).toContain('The call costs $0.01, and what agents have spent was last at 1970')
        expect(now.facts).toMatchObject({ spendingAgeMsMax: ageMsMax })
      }
      const then = await simulated(tool, `${year}-06-01`)
      expect(then.outcome).toBe('allowed')
      expect(budgetOf(then)).toMatchObject(
        tool === 'change'
          ? { outcome: 'unknown', note: expect.stringContaining('is not known') as string }
          : { outcome: 'passed', note: null },
      )
    }
  }
})

test('an approval is not spent on a call whose cost nobody looks at: it goes when it is known again', async ({
  db,
  world,
}) => {
  const { agent, call, security } = world
  const lookedAt = lookingAt(db, world)
  await lookedAt(new Date())
  const input = { title: 'Changes wait', toolName: 'change', deciderRoles: ['security'], serverId: 'modern' }
  await createHoldRule(ctxFor(db, security), createHoldRuleInput.parse(input))
  await world.broker.broker.keeper.refresh()
  await lookedAt(new Date(Date.now() + 600_000))
  const first = call('change', 'costs')
  const { id } = await waitingCall(db, agent)
  await lookedAt(new Date(0))
  await decideIt(db, world, id, { decision: 'approve' })
  const answer = await first
  expect(ruleOf(answer)).toBe('spending_unknown')
  expect(answer.content[0]?.text).toContain(`The approval of ${id} stays good until`)
  // Nobody is asked meanwhile about what could not go.
  expect(ruleOf(await call('change', 'another'))).toBe('spending_unknown')
  await lookedAt(new Date(Date.now() + 600_000))
  expect((await call('change', 'costs')).content).toEqual([{ type: 'text', text: 'changed costs' }])
  expect(await db.heldCall.count({ where: { agentId: agent.agentId } })).toBe(1)
})
