import { describe, expect } from 'vitest'
import { type Ctx, inTx } from '#lib/auth/ctx.ts'
import type { Db } from '#lib/db/client.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { auditOf, ctxFor, makeAgent, makePerson, makeTeam } from '#lib/dev/test/fleet.ts'
import { addPrice, countRunEnd, recordUsage, refreshOverBudget, rollUpDays, seedPriceBook } from './commands.ts'
import { agentMetrics, costBy, fleetSummary, listPrices, retirementCandidates } from './queries.ts'

const now = new Date('2026-11-22T12:00:00Z')
const at = (db: Db): Ctx => ctxFor(db, undefined, now)
const usage = {
  inputTokens: 1_000,
  outputTokens: 500,
  cacheReadTokens: 0,
  cacheWrite5mTokens: 0,
  cacheWrite1hTokens: 0,
}

describe('price book', () => {
  dbTest('is seeded once, by two at once too, and needs fleet:read to be seen', async ({ db }) => {
    const added = await Promise.all([seedPriceBook(at(db)), seedPriceBook(at(db))])
    expect(added.toSorted((a, b) => a - b)).toEqual([0, 12])
    expect(await seedPriceBook(at(db))).toBe(0)
    expect(await listPrices(at(db))).toHaveLength(12)
    const agent = ctxFor(db, { kind: 'agent', id: 'a', name: 'a' })
    await expect(listPrices(agent)).rejects.toMatchObject({ code: 'forbidden' })
  })
})

describe('addPrice', () => {
  dbTest('holds from its date on, is audited, and cannot be written over', async ({ db }) => {
    const price = { model: 'claude-test-1', effectiveFrom: now, inputMicros: 7_000_000n, source: 'contract 12' }
    const finance = ctxFor(db, await makePerson(db, { roles: ['finance'] }), now)
    const { priceId } = await addPrice(finance, price)
    expect(await auditOf(db, priceId)).toMatchObject([{ event: 'price.added', detail: { model: 'claude-test-1' } }])
    await expect(addPrice(finance, price)).rejects.toMatchObject({ code: 'conflict' })
    const builder = ctxFor(db, await makePerson(db), now)
    await expect(addPrice(builder, price)).rejects.toMatchObject({
      code: 'forbidden',
      details: { rule: 'permission:costs:manage' },
    })
    await expect(seedPriceBook(builder)).rejects.toMatchObject({ code: 'forbidden' })
    await expect(rollUpDays(builder, { from: now, to: now })).rejects.toMatchObject({ code: 'forbidden' })
  })
})

describe('usage', () => {
  dbTest('is counted once however often it is reported, exact to the micro-dollar', async ({ db }) => {
    const { id } = await makeAgent(db)
    const run = await startedRun(db, id)
    const record = (sourceId: string, model = 'claude-sonnet-5-5') =>
      inTx(at(db), (tx) => recordUsage(tx, { ...usage, runId: run, agentId: id, at: now, model, sourceId }))
    const outcomes = await Promise.all([record('e1'), record('e1'), record('e2'), record('e2')])
    expect(outcomes.filter((outcome) => outcome.recorded)).toHaveLength(2)
    // 1000×2 + 500×10 micro-dollars each
    expect(await db.run.findUniqueOrThrow({ where: { id: run } })).toMatchObject({
      costMicros: 14_000n,
      inputTokens: 2_000n,
      outputTokens: 1_000n,
      model: 'claude-sonnet-5-5',
    })
    const metrics = await agentMetrics(at(db), { agentId: id, days: 1 })
    expect(metrics.totals).toMatchObject({ costMicros: '14000', unpricedRequests: 0 })
    expect(metrics.month).toMatchObject({
      month: '2026-11',
      spentMicros: '14000',
      budgetSource: 'default',
      budgetMicros: '500000000',
    })
  })

  dbTest('a model without a price makes the run not priced and is counted beside the cost', async ({ db }) => {
    const { id } = await makeAgent(db)
    const run = await startedRun(db, id)
    for (const [sourceId, model] of [
      ['e1', 'claude-sonnet-5-5'],
      ['e2', 'unknown-1'],
      ['e3', 'claude-sonnet-5-5'],
    ] as const) {
      await inTx(at(db), (tx) => recordUsage(tx, { ...usage, runId: run, agentId: id, at: now, model, sourceId }))
    }
    expect((await db.run.findUniqueOrThrow({ where: { id: run } })).costMicros).toBeNull()
    const metrics = await agentMetrics(at(db), { agentId: id, days: 1 })
    expect(metrics.totals).toMatchObject({ costMicros: '14000', unpricedRequests: 1 })
  })

  dbTest('what is undone leaves no trace in the roll-up', async ({ db }) => {
    const { id } = await makeAgent(db)
    const run = await startedRun(db, id)
    const undone = inTx(at(db), async (tx) => {
      await recordUsage(tx, { ...usage, runId: run, agentId: id, at: now, model: 'claude-sonnet-5-5', sourceId: 'e1' })
      throw new Error('undo')
    })
    await expect(undone).rejects.toThrow('undo')
    expect(await db.agentDay.count({ where: { agentId: id } })).toBe(0)
  })
})

describe('roll-up', () => {
  dbTest('recomputing repairs a wrong day and changes nothing when it is right', async ({ db }) => {
    const { id } = await makeAgent(db)
    const run = await startedRun(db, id)
    await inTx(at(db), (tx) =>
      recordUsage(tx, { ...usage, runId: run, agentId: id, at: now, model: 'claude-opus-5', sourceId: 'e1' }),
    )
    await end(db, run, { escalationCount: 2, toolCalls: 7, deniedCalls: 1 })
    const right = await db.agentDay.findMany({ where: { agentId: id } })
    const range = { from: now, to: now }
    expect(await rollUpDays(at(db), range)).toBe(0)
    await db.agentDay.updateMany({ where: { agentId: id }, data: { costMicros: 1n, runs: 99 } })
    expect(await rollUpDays(at(db), range)).toBe(1)
    expect(await db.agentDay.findMany({ where: { agentId: id } })).toEqual(right)
  })

  dbTest('the history of a demo agent stays', async ({ db }) => {
    const { id } = await makeAgent(db, { demo: true })
    await db.agentDay.create({ data: { agentId: id, day: now, runs: 5, costMicros: 5n } })
    await rollUpDays(at(db), { from: now, to: now })
    expect((await db.agentDay.findFirstOrThrow({ where: { agentId: id } })).runs).toBe(5)
  })
})

describe('fleet', () => {
  dbTest('one point for every day, and slices that add up to the total', async ({ db }) => {
    await db.agentDay.deleteMany()
    const costCenters = [await makeTeam(db, { costCenter: 'CC-1' }), await makeTeam(db)]
    for (const [index, teamId] of costCenters.entries()) {
      const { id } = await makeAgent(db, { ownerTeamId: teamId })
      for (const day of ['2026-11-22', '2026-11-20', '2026-10-24', '2026-10-23']) {
        const data = {
          agentId: id,
          day: new Date(day),
          runs: 4,
          succeeded: 3,
          failed: 1,
          escalatedRuns: index,
          costMicros: 1_000_001n,
          deniedCalls: 2,
        }
        await db.agentDay.create({ data })
      }
    }
    const fleet = await fleetSummary(at(db), { days: 30 })
    expect(fleet).toMatchObject({ from: '2026-10-24', to: '2026-11-22', usedAgents: 2 })
    expect(fleet.series).toHaveLength(30)
    expect(fleet.series.at(-2)).toMatchObject({ day: '2026-11-21', runs: 0, escalationRate: null, costMicros: '0' })
    expect(fleet.series.at(-1)).toMatchObject({ day: '2026-11-22', runs: 8, escalationRate: 0.125, deniedCalls: 4 })
    expect(fleet.totals).toMatchObject({ runs: 24, costMicros: '6000006' })
    expect(fleet.previous).toMatchObject({ runs: 8, costMicros: '2000002' })
    for (const by of ['agent', 'team', 'cost_center'] as const) {
      const rows = await costBy(at(db), { days: 30, by })
      expect(rows.reduce((sum, row) => sum + BigInt(row.costMicros), 0n)).toBe(6_000_006n)
    }
    expect((await costBy(at(db), { days: 30, by: 'cost_center' })).map((row) => row.name).toSorted()).toEqual([
      'CC-1',
      'No cost centre',
    ])
  })

  dbTest('every query of it needs fleet:read, and an unknown agent is not found', async ({ db }) => {
    const { id } = await makeAgent(db)
    const nobody = ctxFor(db, { ...(await makePerson(db)), permissions: new Set() })
    await expect(fleetSummary(nobody, { days: 1 })).rejects.toMatchObject({ code: 'forbidden' })
    await expect(agentMetrics(nobody, { agentId: id, days: 1 })).rejects.toMatchObject({ code: 'forbidden' })
    await expect(costBy(nobody, { days: 1, by: 'team' })).rejects.toMatchObject({ code: 'forbidden' })
    await expect(retirementCandidates(nobody)).rejects.toMatchObject({ code: 'forbidden' })
    await expect(agentMetrics(at(db), { agentId: 'nobody', days: 1 })).rejects.toMatchObject({ code: 'not_found' })
  })
})

describe('retirement', () => {
  dbTest('names the idle and those that escalate too much, with figures, and nobody else', async ({ db }) => {
    const createdAt = new Date('2026-01-01')
    const busy = await makeAgent(db, { createdAt })
    const idle = await makeAgent(db, { createdAt })
    const noisy = await makeAgent(db, { createdAt })
    const never = await makeAgent(db, { createdAt })
    const young = await makeAgent(db, { createdAt: new Date('2026-11-20') })
    const retired = await makeAgent(db, { createdAt, status: 'retired' })
    const day = (agentId: string, iso: string, runs: number, escalatedRuns: number, costMicros: bigint) =>
      db.agentDay.create({ data: { agentId, day: new Date(iso), runs, escalatedRuns, costMicros } })
    await day(busy.id, '2026-11-20', 100, 4, 3_000_000n)
    await day(idle.id, '2026-10-10', 30, 20, 90_000_000n)
    await day(noisy.id, '2026-11-20', 100, 40, 9_000_000n)
    const ours = new Set([busy, idle, noisy, never, young, retired].map((agent) => agent.id))
    const list = await retirementCandidates(at(db))
    const found = list.items.filter((item) => ours.has(item.agentId))
    expect(found.map((item) => item.agentId)).toEqual([idle.id, noisy.id, never.id])
    expect(found[0]).toMatchObject({
      reasons: [{ kind: 'idle', idleDays: 43, lastRunAt: '2026-10-10T00:00:00.000Z' }],
      monthlyRuns: 0,
      monthlySavingMicros: '30000000',
    })
    expect(found[1]).toMatchObject({
      reasons: [{ kind: 'escalates', escalationRate: 0.4, threshold: 0.25, runs: 100, escalatedRuns: 40 }],
      monthlySavingMicros: '3000000',
    })
    expect(found[2]).toMatchObject({ reasons: [{ kind: 'idle', lastRunAt: null }], monthlySavingMicros: '0' })
    expect(list.monthlySavingMicros).toBe(
      list.items.reduce((sum, item) => sum + BigInt(item.monthlySavingMicros), 0n).toString(),
    )
  })
})

async function startedRun(db: Db, agentId: string): Promise<string> {
  const run = await db.run.create({
    data: { agentId, agentVersion: 1, trigger: 'manual', state: 'running', input: '', simulated: true, startedAt: now },
  })
  return run.id
}

async function end(db: Db, runId: string, counts: { escalationCount: number; toolCalls: number; deniedCalls: number }) {
  await inTx(at(db), async (tx) => {
    await tx.run.update({ where: { id: runId }, data: { state: 'succeeded', endedAt: now, ...counts } })
    await countRunEnd(tx, runId)
  })
}

describe('budgets', () => {
  dbTest(
    'an agent that has spent its budget is noted once, until it is raised or the month is over',
    async ({ db }) => {
      const { id } = await makeAgent(db, { monthlyBudgetMicros: 1_000_000n })
      const spend = (day: string, costMicros: bigint) =>
        db.agentDay.create({ data: { agentId: id, day: new Date(day), costMicros } })
      await spend('2026-10-31', 5_000_000n)
      await spend('2026-11-22', 999_999n)
      expect(await refreshOverBudget(at(db))).toBe(0)
      await spend('2026-11-21', 1n)
      const changed = await Promise.all([refreshOverBudget(at(db)), refreshOverBudget(at(db))])
      expect(changed.toSorted((a, b) => a - b)).toEqual([0, 1])
      const note = { month: '2026-11', spentMicros: 1_000_000n, budgetMicros: 1_000_000n }
      expect(await db.overBudget.findMany({ where: { agentId: id } })).toMatchObject([note])
      await db.agent.update({ where: { id }, data: { monthlyBudgetMicros: 2_000_000n } })
      expect(await refreshOverBudget(at(db))).toBe(1)
      expect((await auditOf(db, id)).map(({ event }) => event)).toEqual(['agent.over_budget', 'agent.within_budget'])
      const builder = ctxFor(db, await makePerson(db), now)
      await expect(refreshOverBudget(builder)).rejects.toMatchObject({ code: 'forbidden' })
    },
  )
})
