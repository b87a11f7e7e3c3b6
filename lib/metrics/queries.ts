import { authorize, type Ctx, reader } from '#lib/auth/ctx.ts'
import { DomainError } from '#lib/core/errors.ts'
import type { Tx } from '#lib/db/client.ts'
import { Prisma } from '#lib/db/generated/client.ts'
import { defaultMonthlyBudgetMicros } from '#lib/harness/rules.ts'
import { findCandidates } from './candidates.ts'
import { dailySeries, daySums, lastDays, type Sums, totalsOf } from './day-sums.ts'
import { isoDay, utcDay, utcMonth } from './rules.ts'
import {
  type AgentMetrics,
  type AgentMetricsQuery,
  type CostGrouping,
  type CostRow,
  type Coverage,
  type FleetSummary,
  type MonthSpend,
  type PriceView,
  type RetirementList,
  type RetirementQuery,
  retirementQuery,
} from './schema.ts'

export { agentTraffic } from './queries/agent-traffic.ts'
export { callPrices } from './queries/call-prices.ts'
export { serverTraffic } from './queries/traffic.ts'

/** The fleet over the last days, from the roll-ups: a series without gaps, totals, the range before, coverage. Needs `fleet:read`. */
export async function fleetSummary(ctx: Ctx, query: { days: number }): Promise<FleetSummary> {
  authorize(ctx, 'fleet:read')
  const db = reader(ctx)
  const { current, previous } = lastDays(utcDay(ctx.now), query.days)
  const agents = await countAgents(db, current.from, ctx.now)
  const runs = await countRuns(db, current.from)
  return {
    days: query.days,
    from: isoDay(current.from),
    to: isoDay(current.to),
    series: await dailySeries(db, current),
    totals: await totalsOf(db, current),
    previous: await totalsOf(db, previous),
    agents: {
      active: agents.active,
      provisioning: agents.provisioning,
      suspended: agents.suspended,
      retired: agents.retired,
      demo: agents.demo,
    },
    usedAgents: agents.used,
    openRuns: runs.open,
    openEscalations: await db.escalation.count({ where: { resolvedAt: null } }),
    month: await monthSpend(db, ctx.now),
    coverage: coverageOf(agents),
    simulated: { demoAgents: agents.demo, simulatedRuns: runs.simulated },
  }
}

/** One agent over the last days. Needs `fleet:read`; throws `not_found`. */
export async function agentMetrics(ctx: Ctx, query: AgentMetricsQuery): Promise<AgentMetrics> {
  authorize(ctx, 'fleet:read')
  const db = reader(ctx)
  const agent = await db.agent.findUnique({ where: { id: query.agentId }, select: { monthlyBudgetMicros: true } })
  if (!agent) throw new DomainError('not_found', `There is no agent ${query.agentId}.`)
  const { current, previous } = lastDays(utcDay(ctx.now), query.days)
  const lastRun = await db.run.findFirst({
    where: { agentId: query.agentId, state: { not: 'refused' } },
    orderBy: { createdAt: 'desc' },
    select: { createdAt: true },
  })
  return {
    agentId: query.agentId,
    days: query.days,
    from: isoDay(current.from),
    to: isoDay(current.to),
    series: await dailySeries(db, current, query.agentId),
    totals: await totalsOf(db, current, query.agentId),
    previous: await totalsOf(db, previous, query.agentId),
    month: {
      ...(await monthSpend(db, ctx.now, query.agentId)),
      budgetSource: agent.monthlyBudgetMicros === null ? 'default' : 'agent',
    },
    lastRunAt: lastRun?.createdAt.toISOString() ?? null,
  }
}

/** Cost of the last days by agent, team or cost centre, dearest first; the rows add up to the fleet's total. Needs `fleet:read`. */
export async function costBy(ctx: Ctx, query: CostGrouping): Promise<CostRow[]> {
  authorize(ctx, 'fleet:read')
  const { current } = lastDays(utcDay(ctx.now), query.days)
  const group = {
    agent: Prisma.sql`a."id" as "key", a."name" as "name"`,
    team: Prisma.sql`t."id" as "key", t."name" as "name"`,
    cost_center: Prisma.sql`coalesce(t."costCenter", '') as "key", coalesce(t."costCenter", 'No cost centre') as "name"`,
  }[query.by]
  const rows = await reader(ctx).$queryRaw<(Sums & { key: string; name: string })[]>`
    select ${group}, ${daySums}
    from "AgentDay" d join "Agent" a on a."id" = d."agentId" join "Team" t on t."id" = a."ownerTeamId"
    where d."day" between ${isoDay(current.from)}::date and ${isoDay(current.to)}::date
    group by 1, 2 order by "costMicros" desc, 1`
  return rows.map((row) => ({
    key: row.key,
    name: row.name,
    runs: row.runs,
    costMicros: row.costMicros.toString(),
    unpricedRequests: row.unpricedRequests,
  }))
}

/** Agents that are idle or escalate too much, with the figures that say so and what retiring them saves. Needs `fleet:read`. */
export async function retirementCandidates(ctx: Ctx, query: Partial<RetirementQuery> = {}): Promise<RetirementList> {
  authorize(ctx, 'fleet:read')
  const thresholds = retirementQuery.parse(query)
  const items = await findCandidates(reader(ctx), ctx.now, thresholds)
  const saving = items.reduce((sum, item) => sum + BigInt(item.monthlySavingMicros), 0n)
  return { items, monthlySavingMicros: saving.toString(), thresholds }
}

/** The price book, by model, newest first. Needs `fleet:read`. */
export async function listPrices(ctx: Ctx): Promise<PriceView[]> {
  authorize(ctx, 'fleet:read')
  const rows = await reader(ctx).price.findMany({
    orderBy: [{ model: 'asc' }, { effectiveFrom: 'desc' }, { maxPromptTokens: { sort: 'asc', nulls: 'last' } }],
  })
  return rows.map((row) => ({
    id: row.id,
    model: row.model,
    effectiveFrom: row.effectiveFrom.toISOString(),
    maxPromptTokens: row.maxPromptTokens,
    inputMicros: row.inputMicros?.toString() ?? null,
    outputMicros: row.outputMicros?.toString() ?? null,
    cacheReadMicros: row.cacheReadMicros?.toString() ?? null,
    cacheWrite5mMicros: row.cacheWrite5mMicros?.toString() ?? null,
    cacheWrite1hMicros: row.cacheWrite1hMicros?.toString() ?? null,
    source: row.source,
  }))
}

type AgentCounts = {
  active: number
  provisioning: number
  suspended: number
  retired: number
  demo: number
  used: number
  owned: number
  reviewed: number
  latestTemplate: number
  ownBudget: number
}

async function countAgents(db: Tx, from: Date, now: Date): Promise<AgentCounts> {
  const rows = await db.$queryRaw<AgentCounts[]>`
    with latest as (
      select distinct on ("templateId") "templateId", "version" from "TemplateVersion" order by "templateId", "publishedAt" desc, "version" desc
    )
    select count(*) filter (where a."status" = 'active')::int as "active",
      count(*) filter (where a."status" = 'provisioning')::int as "provisioning",
      count(*) filter (where a."status" = 'suspended')::int as "suspended",
      count(*) filter (where a."status" = 'retired')::int as "retired",
      count(*) filter (where a."demo" and a."status" <> 'retired')::int as "demo",
      count(*) filter (where exists (select 1 from "AgentDay" d where d."agentId" = a."id" and d."day" >= ${isoDay(from)}::date
        and d."runs" > 0))::int as "used",
      count(*) filter (where a."status" <> 'retired' and p."active")::int as "owned",
      count(*) filter (where a."status" <> 'retired' and a."lastReviewedAt" is not null
        and (a."nextReviewAt" is null or a."nextReviewAt" > ${now}))::int as "reviewed",
      count(*) filter (where a."status" <> 'retired' and latest."version" = v."templateVersion")::int as "latestTemplate",
      count(*) filter (where a."status" <> 'retired' and a."monthlyBudgetMicros" is not null)::int as "ownBudget"
    from "Agent" a
    join "Person" p on p."id" = a."accountablePersonId"
    left join "AgentVersion" v on v."agentId" = a."id" and v."version" = a."currentVersion"
    left join latest on latest."templateId" = v."templateId"`
  return rows[0]!
}

function coverageOf(agents: AgentCounts): FleetSummary['coverage'] {
  const total = agents.active + agents.provisioning + agents.suspended
  const of = (count: number): Coverage => ({ count, total })
  return {
    owner: of(agents.owned),
    review: of(agents.reviewed),
    template: of(agents.latestTemplate),
    budget: of(agents.ownBudget),
  }
}

async function countRuns(db: Tx, from: Date): Promise<{ open: number; simulated: number }> {
  const rows = await db.$queryRaw<{ open: number; simulated: number }[]>`
    select count(*) filter (where "state" in ('queued', 'running', 'stopping'))::int as "open",
      count(*) filter (where "simulated" and not "demo" and "state" <> 'refused' and "createdAt" >= ${from})::int as "simulated"
    from "Run" where "createdAt" >= ${from} or "state" in ('queued', 'running', 'stopping')`
  return rows[0]!
}

/** The month so far; for the fleet the budget is the sum over agents that are not retired. */
async function monthSpend(db: Tx, now: Date, agentId?: string): Promise<MonthSpend> {
  const month = utcMonth(now)
  const spent = await totalsOf(db, { from: month, to: utcDay(now) }, agentId)
  const only = agentId === undefined ? Prisma.sql`"status" <> 'retired'` : Prisma.sql`"id" = ${agentId}`
  const budget = await db.$queryRaw<{ micros: bigint }[]>`
    select coalesce(sum(coalesce("monthlyBudgetMicros", ${defaultMonthlyBudgetMicros}::bigint)), 0)::bigint as "micros" from "Agent" where ${only}`
  return {
    month: isoDay(month).slice(0, 7),
    spentMicros: spent.costMicros,
    budgetMicros: (budget[0]?.micros ?? 0n).toString(),
    unpricedRequests: spent.unpricedRequests,
  }
}
