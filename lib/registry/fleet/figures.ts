import type { Tx } from '#lib/db/client.ts'
import { Prisma } from '#lib/db/generated/client.ts'
import type { FleetFigures } from './facts.ts'

export const noFigures: FleetFigures = { runs: 0, escalatedRuns: 0, cost: 0, unpriced: 0, lastRunDay: null }

export function figuresOf({ runs, escalatedRuns, cost, unpriced, lastRunDay }: FleetFigures): FleetFigures {
  return { runs, escalatedRuns, cost, unpriced, lastRunDay }
}

/** UTC days, both counted: figures are sums from `since` on; nothing later than `until` is read, nor with `windowOnly` anything earlier. `ids`: of these agents alone. */
type Days = { since: Date; until?: Date; windowOnly?: boolean; ids?: readonly string[] }

/** The figures of every agent that has any, in one pass over the days: for a whole fleet far less work than a look for each agent. */
export async function loadFigures(db: Tx, days: Days): Promise<Map<string, FleetFigures>> {
  const [row] = await db.$queryRaw<{ figures: Figures[] }[]>(figuresSql(days))
  return new Map(
    row!.figures.map(([id, runs, escalatedRuns, cost, unpriced, lastRunDay]) => [
      id,
      { runs, escalatedRuns, cost, unpriced, lastRunDay },
    ]),
  )
}

type Figures = [
  id: string,
  runs: number,
  escalatedRuns: number,
  cost: number,
  unpriced: number,
  lastRunDay: number | null,
]

export function figuresSql({ since, until, windowOnly, ids }: Days): Prisma.Sql {
  const inWindow = Prisma.sql`d."day" >= ${dayOf(since)}::text::date`
  const read = [
    ...(windowOnly ? [inWindow] : []),
    ...(ids ? [Prisma.sql`d."agentId" = any(${ids})`] : []),
    ...(until ? [Prisma.sql`d."day" <= ${dayOf(until)}::text::date`] : []),
  ]
  const where = read.length > 0 ? Prisma.sql`where ${Prisma.join(read, ' and ')}` : Prisma.empty
  return Prisma.sql`select coalesce(json_agg(json_build_array(f."agentId", coalesce(f.runs, 0), coalesce(f.escalated, 0), coalesce(f.cost, 0),
      coalesce(f.unpriced, 0), ${dayMs('f."lastRunDay"')})), '[]') as figures
    from (select d."agentId", ${figureColumns(inWindow)} from "AgentDay" d ${where} group by d."agentId") f`
}

/** Of the days `d` of an agent: sums over those that are in the window, and the last one with a run. */
export function figureColumns(inWindow: Prisma.Sql): Prisma.Sql {
  return Prisma.sql`sum(d."runs") filter (where ${inWindow}) as runs,
    sum(d."escalatedRuns") filter (where ${inWindow}) as escalated,
    sum(d."costMicros") filter (where ${inWindow}) as cost,
    sum(d."unpricedRequests") filter (where ${inWindow}) as unpriced,
    max(d."day") filter (where d."runs" > 0) as "lastRunDay"`
}

/** The last UTC day up to `until` on which each of these agents ran. */
export async function lastRunDays(db: Tx, ids: readonly string[], until: Date): Promise<Map<string, number | null>> {
  if (ids.length === 0) return new Map()
  const [row] = await db.$queryRaw<{ days: [string, number | null][] }[]>`
    select coalesce(json_agg(json_build_array(a."id", ${dayMs('l."day"')})), '[]') as days
    from unnest(${ids}::text[]) a("id") left join lateral (select d."day" from "AgentDay" d
      where d."agentId" = a."id" and d."day" <= ${dayOf(until)}::text::date and d."runs" > 0 order by d."day" desc limit 1) l on true`
  return new Map(row!.days)
}

/** Whether anything is measured of a later UTC day. */
export async function hasDaysAfter(db: Tx, at: Date): Promise<boolean> {
  const [row] = await db.$queryRaw<{ later: boolean }[]>(daysAfterSql(at))
  return row!.later
}

export function daysAfterSql(at: Date): Prisma.Sql {
  return Prisma.sql`select exists (select 1 from "AgentDay" d where d."day" > ${dayOf(at)}::text::date) as later`
}

export function dayOf(at: Date): string {
  return at.toISOString().slice(0, 10)
}

function dayMs(column: string): Prisma.Sql {
  return Prisma.raw(`(extract(epoch from ${column}::timestamp) * 1000)::bigint`)
}
