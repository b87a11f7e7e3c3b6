import { recordAudit } from '#lib/audit/commands.ts'
import { type Ctx, inTx } from '#lib/auth/ctx.ts'
import type { Tx } from '#lib/db/client.ts'
import { enqueueMany, jobs } from '#lib/jobs/contracts.ts'
import { type PriceEntry, utcDay } from '#lib/metrics/rules.ts'
import { getTemplate } from '#lib/templates/queries.ts'
import { type PlannedAgent, planFleet } from './fleet-plan.ts'
import { fleetRows, pendingRequests } from './fleet-rows.ts'
import { type DayRow, daysSince, historyDays, planDay, recordedDays } from './history.ts'
import { makeHoldRules } from './recorded/record-history.ts'
import { planRecentRuns } from './recent-runs.ts'
import { insertTraffic } from './traffic.ts'

export type FleetOutcome = { agents: number; days: number; runs: number }
const timeoutMs = 300_000

type AgentHistory = { agent: PlannedAgent; days: DayRow[] }
type Calendar = { now: Date; today: Date; prices: readonly PriceEntry[] }

/**
 * Adds the demo agents that are missing, with their scopes and history, in one transaction; those that are there keep what people made of
 * them, and while they are active their history goes on to today.
 */
export async function seedFleet(ctx: Ctx): Promise<FleetOutcome> {
  const planned = planFleet()
  const templates = await Promise.all(
    [...new Set(planned.map((agent) => agent.templateId))].map((id) => getTemplate(ctx, { id })),
  )
  const calendar = { now: ctx.now, today: utcDay(ctx.now), prices: await ctx.db.price.findMany() }
  const add = async (tx: Tx, ctx: Ctx & { tx: Tx }): Promise<FleetOutcome> => {
    // It waits for another seeding, which on a busy machine takes longer than anything else may.
    await tx.$executeRaw`set local lock_timeout = 0`
    await tx.$executeRaw`select pg_advisory_xact_lock(hashtext('demo_seed'))`
    const known = await tx.agent.findMany({
      where: { id: { in: planned.map((agent) => agent.id) } },
      select: { id: true, status: true, demo: true },
    })
    const fresh = planned.filter((agent) => !known.some((row) => row.id === agent.id))
    const rows = fleetRows(fresh, { today: calendar.today, templates })
    await tx.agent.createMany({ data: rows.agents })
    await tx.agentVersion.createMany({ data: rows.versions })
    await tx.scopeRequest.createMany({ data: [...rows.requests, ...pendingRequests(fresh, calendar.today)] })
    await tx.grant.createMany({ data: rows.grants })
    for (const { id, name, teamId } of fresh) {
      const subject = { kind: 'agent', id, name }
      recordAudit(tx, ctx, { event: 'agent.imported', subject, agentId: id, teamId, detail: { source: 'demo data' } })
    }

    if (fresh.length === planned.length) await makeHoldRules(ctx)

    const history = fresh.map((agent) => ({ agent, days: daysOf(agent, historyDays, calendar) }))
    const quiet = history.filter(({ agent }) => agent.quietSinceDaysAgo >= recordedDays)
    const runs = await insertRuns(tx, quiet, calendar)
    const living = planned.filter((agent) =>
      known.some((row) => row.id === agent.id && row.demo && row.status === 'active'),
    )
    const added = [...history, ...(await missingDays(tx, living, calendar))]
    const days = added.flatMap((entry) => entry.days)
    await insertDays(tx, days)
    await insertTraffic(tx, added)
    await provisionUnbound(tx)
    return { agents: fresh.length, days: days.length, runs }
  }
  return inTx(ctx, add, { timeoutMs })
}

/** Has every demo agent made at Claude that is not there yet: what is shown as active can be started. */
async function provisionUnbound(tx: Tx): Promise<void> {
  const agents = await tx.$queryRaw<{ agentId: string; version: number }[]>`
    select a."id" as "agentId", a."currentVersion" as version from "Agent" a
    where a."demo" and a."status" in ('active', 'suspended') and not exists (select from "CreationStep" s where s."agentId" = a."id")
      and not exists (select from "ClaudeBinding" b where b."agentId" = a."id" and b."version" = a."currentVersion")`
  const items = agents.map(({ agentId, version }) => ({
    payload: { agentId, version, firstRun: false },
    key: `provision:${agentId}:${version}`,
  }))
  await enqueueMany(tx, jobs.provisionAgent, items)
}

async function insertRuns(tx: Tx, history: readonly AgentHistory[], calendar: Calendar): Promise<number> {
  const parts = history.map(({ agent, days }) => planRecentRuns(agent, { days, ...calendar }))
  await tx.run.createMany({ data: parts.flatMap((part) => part.runs) })
  await tx.runEvent.createMany({ data: parts.flatMap((part) => part.events) })
  await tx.escalation.createMany({ data: parts.flatMap((part) => part.escalations) })
  return parts.reduce((sum, part) => sum + part.runs.length, 0)
}

/** As one JSON parameter: thousands of rows take a tenth of the time that `createMany` needs. */
async function insertDays(tx: Tx, days: readonly DayRow[]): Promise<void> {
  const rows = JSON.stringify(days, (_, value: unknown) => (typeof value === 'bigint' ? value.toString() : value))
  await tx.$executeRaw`
    insert into "AgentDay" ("agentId", "day", "runs", "succeeded", "failed", "escalatedRuns", "escalations", "toolCalls",
      "deniedCalls", "inputTokens", "outputTokens", "costMicros", "unpricedRequests")
    select "agentId", "day", "runs", "succeeded", "failed", "escalatedRuns", "escalations", "toolCalls",
      "deniedCalls", "inputTokens", "outputTokens", "costMicros", "unpricedRequests"
    from json_populate_recordset(null::"AgentDay", ${rows}::json)
    on conflict do nothing`
}

/** The days since the last one that an agent has, which a seeding on a later date adds; as far as they are not on record. */
async function missingDays(tx: Tx, agents: readonly PlannedAgent[], calendar: Calendar): Promise<AgentHistory[]> {
  const last = await tx.agentDay.groupBy({
    by: ['agentId'],
    where: { agentId: { in: agents.map((agent) => agent.id) } },
    _max: { day: true },
  })
  return agents.flatMap((agent) => {
    const seen = last.find((row) => row.agentId === agent.id)?._max.day
    if (!seen) return []
    const behind = Math.min(historyDays, Math.round((calendar.today.getTime() - seen.getTime()) / 86_400_000) - 1)
    return behind < 0 ? [] : { agent, days: daysOf(agent, behind, calendar) }
  })
}

/** Up to where calls are on record. */
function daysOf(agent: PlannedAgent, from: number, { today, prices }: Calendar): DayRow[] {
  return daysSince(today, from)
    .slice(0, Math.max(0, from + 1 - recordedDays))
    .flatMap((day) => planDay(agent, { day, today, prices }) ?? [])
}
