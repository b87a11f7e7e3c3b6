import { expect } from 'vitest'
import type { Db } from '#lib/db/client.ts'
import { makeAgent, type TestAgent } from '#lib/dev/test/broker.ts'
import { agentSession, lastEvent, until } from '#lib/dev/test/broker-world.ts'
import { ctxFor, makePerson } from '#lib/dev/test/fleet.ts'
import { makeGrant } from '#lib/dev/test/registry.ts'
import { refreshOverBudget, rollUpTraffic, setCallPrice } from '#lib/metrics/commands.ts'
import { agentMetrics, costBy, fleetSummary } from '#lib/metrics/queries.ts'
import { type Call, decideIt, denialOf, holdTest as test, waitingCall } from './testing/hold-world.ts'

type World = Parameters<typeof decideIt>[1] & {
  broker: { broker: { keeper: { refresh(): Promise<void>; view: { servers: ReadonlyMap<string, PricedServer> } } } }
}
type PricedServer = { tools: ReadonlyMap<string, { listUnitPriceMicros?: string | null }> }

const system = (db: Db) => ctxFor(db, undefined, new Date())

async function price(db: Db, world: World, tool: string | null, listUnitPriceMicros: string | null) {
  const finance = ctxFor(db, await makePerson(db, { roles: ['finance'] }))
  await setCallPrice(finance, { serverId: 'modern', tool, listUnitPriceMicros })
  await refreshOverBudget(system(db))
  await world.broker.broker.keeper.refresh()
}

async function caller(db: Db, world: World, options: { budgetMicros?: bigint } = {}) {
  const agent = await makeAgent(db)
  const monthlyBudgetMicros = options.budgetMicros ?? null
  await db.agent.update({ where: { id: agent.agentId }, data: { monthlyBudgetMicros } })
  await makeGrant(db, { agentId: agent.agentId, serverId: 'modern', class: 'write' })
  const client = await agentSession(db, world, { agent })
  const call = (name: string, more = {}) => client.callTool({ name, arguments: {} }, more) as Promise<Call>
  return { agent, client, call }
}

const costsOf = async (db: Db, { agentId }: TestAgent) => {
  const rows = await db.auditEvent.findMany({
    where: { agentId, event: 'mcp.call_allowed' },
    orderBy: { seq: 'asc' },
    select: { detail: true },
  })
  return rows.map(({ detail }) => {
    const { listUnitPriceMicros, billedCostMicros } = detail as Record<string, string>
    return [listUnitPriceMicros, billedCostMicros]
  })
}

/** What every reader says that the agent has spent this month. */
async function spentOf(db: Db, { agentId, teamId, runId }: TestAgent) {
  const ctx = system(db)
  const { month, totals } = await agentMetrics(ctx, { agentId, days: 30 })
  const sum = { where: { agentId }, _sum: { costMicros: true } } as const
  const said = [
    month.spentMicros,
    totals.costMicros,
    (await costBy(ctx, { by: 'agent', days: 30 })).find(({ key }) => key === agentId)?.costMicros ?? '0',
    (await costBy(ctx, { by: 'team', days: 30 })).find(({ key }) => key === teamId)?.costMicros ?? '0',
    ((await db.agentDay.aggregate(sum))._sum.costMicros ?? 0n).toString(),
    ((await db.agentToolDay.aggregate(sum))._sum.costMicros ?? 0n).toString(),
    ((await db.runCallCost.findUnique({ where: { runId } }))?.costMicros ?? 0n).toString(),
  ]
  return [...new Set(said)]
}

test('a call costs its price of then, is added up once, and every reader of what was spent says the same', async ({
  db,
  world,
}) => {
  const { agent, client, call } = await caller(db, world)
  await call('look')
  await price(db, world, null, '10000')
  await call('look')
  await price(db, world, 'look', '250')
  await call('look')
  await call('leak')
  await price(db, world, 'look', '0')
  await call('look')
  expect(await costsOf(db, agent)).toEqual([
    [undefined, undefined],
    ['10000', '10000'],
    ['250', '250'],
    ['10000', '10000'],
    [undefined, undefined],
  ])
  const before = BigInt((await fleetSummary(system(db), { days: 30 })).totals.costMicros)
  await Promise.all([rollUpTraffic(system(db)), rollUpTraffic(system(db))])
  await rollUpTraffic(system(db))
  expect(await spentOf(db, agent)).toEqual(['20250'])
  expect(BigInt((await fleetSummary(system(db), { days: 30 })).totals.costMicros) - before).toBe(20_250n)
  const tools = await db.agentToolDay.findMany({ where: { agentId: agent.agentId }, orderBy: { tool: 'asc' } })
  expect(tools).toMatchObject([
    { tool: 'leak', calls: 1, costMicros: 10_000n },
    { tool: 'look', calls: 4, costMicros: 10_250n },
  ])
  await client.close()
  await price(db, world, 'look', null)
  await price(db, world, null, null)
})

test('a budget that prices use up refuses the next call before anything is added up, and that call costs nothing', async ({
  db,
  world,
}) => {
  await price(db, world, 'look', '10000')
  const { agent, client, call } = await caller(db, world, { budgetMicros: 25_000n })
  for (let i = 0; i < 2; i += 1) expect((await call('look')).isError).not.toBe(true)
  await refreshOverBudget(system(db))
  expect(await db.overBudget.count({ where: { agentId: agent.agentId } })).toBe(0)
  expect((await call('look')).isError).not.toBe(true)
  await refreshOverBudget(system(db))
  await until(() => world.broker.broker.keeper.view.agents.get(agent.agentId)?.overBudget != null)
  expect(denialOf(await call('look'))).toMatchObject({
    rule: 'budget_exceeded',
    spentMicros: '30000',
    budgetMicros: '25000',
  })
  expect(await lastEvent(db, agent.agentId, 'agent.over_budget')).toMatchObject({
    rule: 'budget_exceeded',
    detail: { spentMicros: '30000', budgetMicros: '25000' },
  })
  await rollUpTraffic(system(db))
  // What was seen ahead of the sums is in them now, once.
  expect(await refreshOverBudget(system(db))).toBe(0)
  expect(await spentOf(db, agent)).toEqual(['30000'])
  await client.close()
  await price(db, world, 'look', null)
})

test('what is refused, rejected or not carried out by its server costs nothing, what was broken off after it left does', async ({
  db,
  world,
}) => {
  await price(db, world, null, '7000')
  const { agent, client, call } = await caller(db, world)
  // Not granted; then waits for a person, who rejects it.
  expect(denialOf(await call('wipe'))?.['rule']).toBe('grant_missing')
  const held = call('change')
  const { id } = await waitingCall(db, agent)
  await decideIt(db, world, id, { decision: 'reject', note: 'Not today.' })
  expect((await held).isError).toBe(true)
  expect(await costsOf(db, agent)).toEqual([])
  // Arguments that the server itself refuses are answered with an error of the tool, which it bills.
  await client.callTool({ name: 'look', arguments: { word: 7 } }).catch(() => {})
  const began = world.upstreams.modern.slowBegan()
  const abort = new AbortController()
  const slow = call('slow', { signal: abort.signal }).catch(() => {})
  await began
  abort.abort()
  await slow
  await until(async () => (await costsOf(db, agent)).length === 2)
  const url = world.upstreams.modern.url
  await db.mcpServer.update({ where: { id: 'modern' }, data: { url: 'http://127.0.0.1:1/mcp' } })
  await world.broker.broker.keeper.refresh()
  expect(denialOf(await call('look'))?.['rule']).toBe('upstream_unavailable')
  await db.mcpServer.update({ where: { id: 'modern' }, data: { url } })
  await world.broker.broker.keeper.refresh()
  const outcomes = await db.auditEvent.findMany({
    where: { agentId: agent.agentId, event: 'mcp.call_allowed' },
    orderBy: { seq: 'asc' },
    select: { tool: true, detail: true },
  })
  expect(outcomes.map(({ tool, detail }) => [tool, (detail as { outcome: string }).outcome])).toEqual([
    ['look', 'tool_error'],
    ['slow', 'aborted'],
    ['look', 'upstream_error'],
  ])
  expect(await costsOf(db, agent)).toEqual([
    ['7000', '7000'],
    ['7000', '7000'],
    ['7000', '0'],
  ])
  await rollUpTraffic(system(db))
  expect(await spentOf(db, agent)).toEqual(['14000'])
  await client.close()
  await price(db, world, null, null)
})
