import { type Ctx, inTx } from '#lib/auth/ctx.ts'
import { actorForPerson } from '#lib/auth/queries.ts'
import type { BrokerView } from '#lib/broker/view/view.ts'
import type { Tx } from '#lib/db/client.ts'
import { letLast } from '#lib/db/lasting.ts'
import { createHoldRule } from '#lib/guardrails/commands.ts'
import { stopFor } from '#lib/guardrails/rules/stops.ts'
import { rollUpTraffic } from '#lib/metrics/commands.ts'
import { collectNotifications } from '#lib/notifications/commands.ts'
import { addDays, type PriceEntry, utcDay } from '#lib/metrics/rules.ts'
import { personas } from '#lib/auth/personas.ts'
import { planFleet, type PlannedAgent } from '../fleet-plan.ts'
import { daysSince, recordedDays } from '../history.ts'
import { appendRecorded } from './append.ts'
import { type DecidedRun, decideRun } from './decide-run.ts'
import { type Moment, momentsOf } from './held-episode.ts'
import { heldBy } from './holds.ts'
import { planRuns, type PlannedRun } from './plan-runs.ts'
import { insertRuns, triggerOf } from './run-rows.ts'
import { grantedBy, readGrantTimes, readView } from './view.ts'

export type RecordedHistory = { days: number; runs: number; calls: number }

const timeoutMs = 600_000
/** What ended just now may be told of by nobody yet. */
const justNowMs = 60_000
const nothing: RecordedHistory = { days: 0, runs: 0, calls: 0 }

/** Rules that hold calls, made by security when the recorded history begins. */
export async function makeHoldRules(ctx: Ctx): Promise<void> {
  const actor = await actorForPerson(ctx.db, personas.find(({ role }) => role === 'security')!.id)
  if (!actor) return
  const now = addDays(utcDay(ctx.now), 1 - recordedDays)
  for (const { rule } of heldBy) await createHoldRule({ ...ctx, actor, now }, rule)
}

/**
 * Puts the calls of the last days on record: planned from the seed, decided by the policies, grants and rules of this fleet, and written by the functions that brokers write with. Nothing is put
 * between what is on record already: it goes on behind the last call, also where a seeding was interrupted. Then the log is added up as the worker does.
 */
export async function recordHistory(ctx: Ctx): Promise<RecordedHistory> {
  // Held to the end of all that follows, which are many transactions.
  return await ctx.db.$transaction(
    async (lock) => {
      // It waits for another seeding, which takes longer than anything else may, and asks for nothing while it is held.
      await letLast(lock, timeoutMs)
      await lock.$executeRaw`set local lock_timeout = 0`
      await lock.$executeRaw`set local idle_in_transaction_session_timeout = 0`
      await lock.$executeRaw`select pg_advisory_xact_lock(hashtext('demo_history'))`
      const prepared = await inTx(ctx, (tx) => prepare(tx, ctx.now), { timeoutMs })
      if (!prepared) return nothing
      // Of what was done in the registry people are told; of what was decided days ago nobody is, as if it were now.
      if (prepared.after === null) while ((await collectNotifications(ctx, { mail: false })) > 0);
      const { seq: before } = await ctx.db.notificationCursor.findFirstOrThrow()
      const calls = await writeDown(ctx, prepared)
      await ctx.db.$executeRaw`
        update "NotificationCursor" set "seq" = (select "seq" from "AuditHead" where "id" = 1) where "seq" = ${before} and ${calls} > 0`
      while ((await rollUpTraffic(ctx)).more);
      return { days: prepared.days, runs: prepared.runs, calls }
    },
    { timeout: timeoutMs, maxWait: timeoutMs },
  )
}

type Prepared = { view: BrokerView; decided: DecidedRun[]; after: Date | null; days: number; runs: number }

/** Decides about the runs that are missing, and puts them into the database as ended ones. Null: there is nothing to decide by. */
async function prepare(tx: Tx, now: Date): Promise<Prepared | null> {
  const after = await recordedUntil(tx)
  const today = utcDay(now)
  const first = addDays(today, 1 - recordedDays)
  const since = after && after > first ? utcDay(after) : first
  const agents = await agentsOfDemo(tx)
  const ids = agents.map(({ agent }) => agent.id)
  const view = await readView(tx, ids)
  if (!view) return null
  const prices: PriceEntry[] = await tx.price.findMany()
  const days = daysSince(today, Math.round((today.getTime() - since.getTime()) / 86_400_000))
  const planned = agents.flatMap(({ agent, until }) =>
    days.flatMap((day) => planRuns(agent, { day, today, prices })).filter(({ endedAt }) => !until || endedAt < until),
  )
  const there = await alreadyThere(tx, { planned, since })
  const latest = new Date(now.getTime() - justNowMs)
  const due = planned.filter(
    (run) =>
      there.runs.has(run.id) || (run.endedAt <= latest && (!after || run.at > after) && !there.days.has(dayOf(run))),
  )
  const decided = decideAll(due, view, await readGrantTimes(tx, ids)).filter(({ run }) => run.endedAt <= latest)
  const fresh = decided.filter(({ run }) => !there.runs.has(run.id))
  return { view, decided, after, days: fresh.length > 0 ? await insertRuns(tx, fresh, now) : 0, runs: fresh.length }
}

/** Up to when the log tells of calls, and of those of this history that were held: what comes after is not on record. */
async function recordedUntil(tx: Tx): Promise<Date | null> {
  const [last] = await tx.$queryRaw<{ at: Date | null }[]>`
    select greatest((select "at" from "AuditEvent" where "actorKind" = 'agent' order by "seq" desc limit 1),
      (select max(greatest(h."createdAt", h."decidedAt", h."settledAt")) from "HeldCall" h join "Run" r on r."id" = h."runId" and r."demo")) as "at"`
  return last?.at ?? null
}

/** The demo agents that are there; `until`: since when one does not run any more. */
async function agentsOfDemo(tx: Tx): Promise<{ agent: PlannedAgent; until: Date | null }[]> {
  const rows = await tx.agent.findMany({
    where: { demo: true },
    select: { id: true, status: true, statusChangedAt: true },
  })
  return planFleet().flatMap((agent) => {
    const row = rows.find(({ id }) => id === agent.id)
    return row ? [{ agent, until: row.status === 'active' ? null : row.statusChangedAt }] : []
  })
}

/** Which planned runs are in the database, and which days of agents were counted without any of them: those stay as they are. */
async function alreadyThere(
  tx: Tx,
  { planned, since }: { planned: readonly PlannedRun[]; since: Date },
): Promise<{ runs: ReadonlySet<string>; days: ReadonlySet<string> }> {
  const found = await tx.run.findMany({ where: { demo: true, createdAt: { gte: since } }, select: { id: true } })
  const runs = new Set(found.map(({ id }) => id))
  const ours = new Set(planned.filter(({ id }) => runs.has(id)).map(dayOf))
  const counted = await tx.agentDay.findMany({
    where: { day: { gte: since }, agentId: { in: planned.map(({ agent }) => agent.id) } },
    select: { agentId: true, day: true },
  })
  const days = counted.map(({ agentId, day }) => dayKey(agentId, day)).filter((key) => !ours.has(key))
  return { runs, days: new Set(days) }
}

function dayOf({ agent, at }: PlannedRun): string {
  return dayKey(agent.id, utcDay(at))
}

function dayKey(agentId: string, day: Date): string {
  return `${agentId} ${day.toISOString()}`
}

/** In the order in which they began, each with the grants its agent had by then. What is stopped now starts no run. */
function decideAll(runs: readonly PlannedRun[], view: BrokerView, given: ReadonlyMap<string, Date>): DecidedRun[] {
  const factsAt = grantedBy(view, given)
  const going = runs.filter(({ agent }) => {
    const facts = view.agents.get(agent.id)
    return facts && !stopFor(view.stops, { agentId: facts.id, teamId: facts.teamId })
  })
  view.putRuns(
    going.map((run) => ({
      id: run.id,
      agentId: run.agent.id,
      agentVersion: view.agents.get(run.agent.id)!.currentVersion,
      simulated: true,
      trigger: triggerOf(run),
      startedById: run.agent.accountablePersonId,
      writerIds: [],
    })),
  )
  return going.map((run) => {
    view.agents.set(run.agent.id, factsAt(run.agent.id, run.at))
    return decideRun(run, view)
  })
}

/** Writes down what happened, in its order: rows in bulk, and each moment of a held call in a transaction of its own time. */
async function writeDown(ctx: Ctx, { view, decided, after }: Prepared): Promise<number> {
  const waiting = new Set<string>()
  const isNew = ({ at }: { at: Date }) => after === null || at > after
  const rows = decided.flatMap(({ recorded }) => recorded.filter(isNew))
  const moments = decided.flatMap(({ held }) =>
    held.flatMap((each) => momentsOf(each, { view, waiting }).filter(isNew)),
  )
  const stored = new Set<string>()
  moments.sort(inOrder)
  rows.sort(inOrder)
  let [next, written] = [0, 0]
  const upTo = async (at: Date | null, happen: Moment['happen']): Promise<void> => {
    const from = next
    const until = at?.getTime() ?? Infinity
    while (next < rows.length && rows[next]!.at.getTime() <= until) next += 1
    const then = { ...ctx, now: at ?? ctx.now }
    const append = async (tx: Tx, ctx: Ctx & { tx: Tx }): Promise<number> => {
      await appendRecorded(tx, rows.slice(from, next), stored)
      const of = await happen(ctx)
      await appendRecorded(tx, of, stored)
      return of.length
    }
    written += next - from + (await inTx(then, append, { timeoutMs }))
  }
  for (const { at, happen } of moments) await upTo(at, happen)
  await upTo(null, () => Promise.resolve([]))
  return written
}

function inOrder(one: { at: Date }, other: { at: Date }): number {
  return one.at.getTime() - other.at.getTime()
}
