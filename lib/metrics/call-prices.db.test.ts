import { expect } from 'vitest'
import { recordAudit } from '#lib/audit/commands.ts'
import { inTx } from '#lib/auth/ctx.ts'
import type { Db } from '#lib/db/client.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { ctxFor, makeAgent, makePerson } from '#lib/dev/test/fleet.ts'
import { makeServer } from '#lib/dev/test/registry.ts'
import { countRunEnd, refreshOverBudget, rollUpDays, rollUpTraffic, setCallPrice } from './commands.ts'
import { agentMetrics, agentTraffic, callPrices, serverTraffic } from './queries.ts'

const now = new Date('2026-11-22T12:30:00Z')
const system = (db: Db) => ctxFor(db, undefined, now)
const finance = async (db: Db) => ctxFor(db, await makePerson(db, { roles: ['finance'] }), now)

type Called = {
  agentId: string
  serverId: string
  micros: string
  outcome?: 'ok' | 'task' | 'input_required'
  runId?: string
  at?: Date
}

async function called(db: Db, { agentId, serverId, micros, outcome = 'ok', runId, at = now }: Called) {
  await inTx(ctxFor(db, undefined, at), async (tx, ctx) => {
    recordAudit(tx, ctx, {
      event: 'mcp.call_allowed',
      subject: { kind: 'tool', id: `${serverId}/look`, name: 'look' },
      agentId,
      serverId,
      tool: 'look',
      ...(runId ? { runId } : {}),
      decision: 'allow',
      detail: {
        argumentsDigest: 'x',
        class: 'read',
        outcome,
        ms: 5,
        listUnitPriceMicros: micros,
        billedCostMicros: micros,
      },
    })
  })
}

dbTest(
  'a tool costs what is set for it, else what its server says, and each change is on record once',
  async ({ db }) => {
    const serverId = await makeServer(db)
    const ctx = await finance(db)
    const set = (tool: string | null, listUnitPriceMicros: string | null) =>
      setCallPrice(ctx, { serverId, tool, listUnitPriceMicros })
    const pricesOf = async () =>
      Object.fromEntries(
        (await callPrices(ctx, serverId)).tools.map((row) => [row.tool, [row.listUnitPriceMicros, row.setFor]]),
      )
    expect((await pricesOf())['look']).toEqual([null, null])
    await set(null, '10000')
    await set('look', '0')
    await Promise.all([set('change', '250'), set('change', '250')])
    expect(await pricesOf()).toMatchObject({ look: ['0', 'tool'], change: ['250', 'tool'] })
    await set('look', null)
    expect((await pricesOf())['look']).toEqual(['10000', 'server'])
    expect((await callPrices(ctx, serverId)).listUnitPriceMicros).toBe('10000')
    const events = await db.auditEvent.findMany({
      where: { event: 'call_price.changed', serverId },
      orderBy: { seq: 'asc' },
      select: { subjectKind: true, tool: true, actorId: true, detail: true },
    })
    const by = { actorId: ctx.actor.id }
    expect(events).toEqual([
      { subjectKind: 'server', tool: null, ...by, detail: { before: null, after: '10000' } },
      { subjectKind: 'tool', tool: 'look', ...by, detail: { before: null, after: '0' } },
      { subjectKind: 'tool', tool: 'change', ...by, detail: { before: null, after: '250' } },
      { subjectKind: 'tool', tool: 'look', ...by, detail: { before: '0', after: null } },
    ])
  },
)

dbTest('prices are set by who manages costs, for what there is, and in whole micro-dollars', async ({ db }) => {
  const serverId = await makeServer(db)
  const input = { serverId, tool: 'look', listUnitPriceMicros: '1' }
  for (const role of ['builder', 'team_lead', 'security', 'on_call'] as const) {
    const ctx = ctxFor(db, await makePerson(db, { roles: [role] }), now)
    await expect(setCallPrice(ctx, input)).rejects.toMatchObject({ code: 'forbidden' })
    expect((await callPrices(ctx, serverId)).serverId).toBe(serverId)
  }
  const ctx = await finance(db)
  await expect(setCallPrice(ctx, { ...input, tool: 'none' })).rejects.toMatchObject({ code: 'not_found' })
  await expect(setCallPrice(ctx, { ...input, serverId: 'none' })).rejects.toMatchObject({ code: 'not_found' })
  await expect(callPrices(ctx, 'none')).rejects.toMatchObject({ code: 'not_found' })
  for (const listUnitPriceMicros of ['-1', '0.5', '1e3', '', '01', '10000000001']) {
    await expect(setCallPrice(ctx, { ...input, listUnitPriceMicros })).rejects.toThrow('micro-dollars')
  }
  expect(await db.auditEvent.count({ where: { event: 'call_price.changed', serverId } })).toBe(0)
})

dbTest('a call that is not added up counts in the budget of its agent also when its price is gone', async ({ db }) => {
  const serverId = await makeServer(db)
  const { id: agentId } = await makeAgent(db, { monthlyBudgetMicros: 1_000_000n })
  // So that no price is left.
  await db.mcpServer.updateMany({ data: { listUnitPriceMicros: null } })
  await db.mcpTool.updateMany({ data: { listUnitPriceMicros: null } })
  const price = { serverId, tool: 'look', listUnitPriceMicros: '1000000' }
  await setCallPrice(await finance(db), price)
  await called(db, { agentId, serverId, micros: '1000000' })
  await setCallPrice(await finance(db), { ...price, listUnitPriceMicros: null })
  expect(await refreshOverBudget(system(db))).toBe(1)
  expect(await db.overBudget.findUnique({ where: { agentId } })).toMatchObject({ spentMicros: 1_000_000n })
  expect(await refreshOverBudget(system(db))).toBe(0)
  await db.agent.update({ where: { id: agentId }, data: { monthlyBudgetMicros: 2_000_000n } })
  expect(await refreshOverBudget(system(db))).toBe(1)
  expect(await db.overBudget.findUnique({ where: { agentId } })).toBeNull()
  expect(await refreshOverBudget(system(db))).toBe(0)
})

dbTest('what calls cost is in every sum once, whatever has been added up and however often', async ({ db }) => {
  const { id: agentId } = await makeAgent(db, { monthlyBudgetMicros: 1_000_000n })
  const serverId = await makeServer(db)
  await setCallPrice(await finance(db), { serverId, tool: 'look', listUnitPriceMicros: '1' })
  const { id: runId } = await db.run.create({
    data: { agentId, agentVersion: 1, trigger: 'manual', state: 'succeeded', input: '', simulated: true, endedAt: now },
  })
  await called(db, { agentId, serverId, micros: '300000', runId })
  await called(db, { agentId, serverId, micros: '1', at: new Date('2026-11-21T23:59:59.999Z') })
  // A task is no call of its own in traffic; what began it is billed.
  await called(db, { agentId, serverId, micros: '200000', outcome: 'task', runId })
  await called(db, { agentId, serverId, micros: '0', outcome: 'input_required', runId })
  // Of another month, which is over.
  await called(db, { agentId, serverId, micros: '5000000', at: new Date('2026-10-31T23:59:59.999Z') })
  expect(await refreshOverBudget(system(db))).toBe(0)
  await db.agentDay.create({ data: { agentId, day: now, costMicros: 499_999n, runs: 3 } })
  expect(await refreshOverBudget(system(db))).toBe(1)
  const note = { spentMicros: 1_000_000n, budgetMicros: 1_000_000n }
  expect(await db.overBudget.findUnique({ where: { agentId } })).toMatchObject(note)
  expect(await inTx(system(db), async (tx) => await countRunEnd(tx, runId))).toEqual({ callCostMicros: 500_000n })

  const added = await Promise.all([rollUpTraffic(system(db)), rollUpTraffic(system(db))])
  expect(added.filter(({ cost }) => cost)).toHaveLength(1)
  expect(await rollUpTraffic(system(db))).toEqual({ more: false, cost: false })
  expect(await refreshOverBudget(system(db))).toBe(0)
  const metrics = await agentMetrics(system(db), { agentId, days: 2 })
  expect(metrics.month.spentMicros).toBe('1000000')
  expect(metrics.totals).toMatchObject({ costMicros: '1000000', callCostMicros: '500001' })
  expect(metrics.series).toMatchObject([{ callCostMicros: '1' }, { callCostMicros: '500000' }])
  expect((await db.runCallCost.findUnique({ where: { runId } }))?.costMicros).toBe(500_000n)
  const traffic = await serverTraffic(system(db), { serverId, hours: 24 })
  expect(traffic.totals).toMatchObject({ calls: 2, costMicros: '500001' })
  expect(traffic.tools).toMatchObject([{ tool: 'look', costMicros: '500001' }])
  const { servers } = await agentTraffic(system(db), { agentId, days: 2 })
  expect(servers[0]?.tools).toMatchObject([{ tool: 'look', calls: 2, costMicros: '500001' }])
})

dbTest('days that are recomputed keep what calls cost, also where it is not known by tool any more', async ({ db }) => {
  const { id: agentId } = await makeAgent(db)
  const serverId = await makeServer(db)
  const day = new Date('2026-11-22')
  const before = new Date('2026-11-21')
  await db.agentDay.create({ data: { agentId, day: before, costMicros: 70n, callCostMicros: 70n } })
  await db.run.create({
    data: {
      agentId,
      agentVersion: 1,
      trigger: 'manual',
      state: 'succeeded',
      input: '',
      simulated: true,
      endedAt: new Date('2026-11-21T08:00:00Z'),
    },
  })
  await called(db, { agentId, serverId, micros: '40' })
  await rollUpTraffic(system(db))
  await rollUpDays(system(db), { from: before, to: day })
  const right = await db.agentDay.findMany({ where: { agentId }, orderBy: { day: 'asc' } })
  expect(right).toMatchObject([
    { runs: 1, costMicros: 70n, callCostMicros: 70n },
    { runs: 0, costMicros: 40n, callCostMicros: 40n },
  ])
  expect(await rollUpDays(system(db), { from: before, to: day })).toBe(0)
  await db.agentDay.updateMany({ where: { agentId, day }, data: { costMicros: 1n, callCostMicros: 1n } })
  expect(await rollUpDays(system(db), { from: before, to: day })).toBe(1)
  expect(await db.agentDay.findMany({ where: { agentId }, orderBy: { day: 'asc' } })).toEqual(right)
})
