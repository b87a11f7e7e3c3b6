import { Prisma } from '#lib/db/generated/client.ts'
import type { Tx } from '#lib/db/client.ts'
import { addDays, escalationRateOf, isoDay } from './rules.ts'
import type { DayPoint, Totals } from './schema.ts'

export type DayRange = { from: Date; to: Date }

export type Sums = {
  runs: number
  succeeded: number
  failed: number
  escalatedRuns: number
  toolCalls: number
  deniedCalls: number
  costMicros: bigint
  callCostMicros: bigint
  unpricedRequests: number
}

/** The columns of a range of AgentDay, added up; used everywhere, so that a total never changes with the slice. */
export const daySums = Prisma.sql`
  coalesce(sum(d."runs"), 0)::int as "runs", coalesce(sum(d."succeeded"), 0)::int as "succeeded",
  coalesce(sum(d."failed"), 0)::int as "failed", coalesce(sum(d."escalatedRuns"), 0)::int as "escalatedRuns",
  coalesce(sum(d."toolCalls"), 0)::int as "toolCalls", coalesce(sum(d."deniedCalls"), 0)::int as "deniedCalls",
  coalesce(sum(d."costMicros"), 0)::bigint as "costMicros", coalesce(sum(d."callCostMicros"), 0)::bigint as "callCostMicros",
  coalesce(sum(d."unpricedRequests"), 0)::int as "unpricedRequests"`

/** One point for every day of the range, also where nothing ran; for one agent or for all. */
export async function dailySeries(db: Tx, range: DayRange, agentId?: string): Promise<DayPoint[]> {
  const rows = await db.$queryRaw<(Sums & { day: string })[]>`
    select to_char(g.at, 'YYYY-MM-DD') as "day", ${daySums}
    from generate_series(${isoDay(range.from)}::date, ${isoDay(range.to)}::date, interval '1 day') as g(at)
    left join "AgentDay" d on d."day" = g.at::date ${agentId === undefined ? Prisma.empty : Prisma.sql`and d."agentId" = ${agentId}`}
    group by g.at order by g.at`
  return rows.map((row) => ({ day: row.day, ...toTotals(row) }))
}

export async function totalsOf(db: Tx, range: DayRange, agentId?: string): Promise<Totals> {
  const rows = await db.$queryRaw<Sums[]>`
    select ${daySums} from "AgentDay" d
    where d."day" between ${isoDay(range.from)}::date and ${isoDay(range.to)}::date
      ${agentId === undefined ? Prisma.empty : Prisma.sql`and d."agentId" = ${agentId}`}`
  return toTotals(rows[0]!)
}

/** The days ending today (unfinished), and the same number of days before. */
export function lastDays(today: Date, days: number): { current: DayRange; previous: DayRange } {
  const from = addDays(today, 1 - days)
  return { current: { from, to: today }, previous: { from: addDays(from, -days), to: addDays(from, -1) } }
}

export function toTotals(sums: Sums): Totals {
  return {
    runs: sums.runs,
    succeeded: sums.succeeded,
    failed: sums.failed,
    escalatedRuns: sums.escalatedRuns,
    escalationRate: escalationRateOf(sums),
    toolCalls: sums.toolCalls,
    deniedCalls: sums.deniedCalls,
    costMicros: sums.costMicros.toString(),
    callCostMicros: sums.callCostMicros.toString(),
    unpricedRequests: sums.unpricedRequests,
  }
}
