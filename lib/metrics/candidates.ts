import type { Tx } from '#lib/db/client.ts'
import { addDays, escalationRateOf, isoDay, utcDay } from './rules.ts'
import type { RetirementCandidate, RetirementQuery, RetirementReason } from './schema.ts'

/** A rate is measured over this many days, a month's cost over three times as many. */
const rateDays = 30
const costDays = 90

type Row = {
  agentId: string
  name: string
  ownerTeamId: string
  ownerTeamName: string
  personId: string
  personName: string
  demo: boolean
  createdAt: Date
  lastRunAt: Date | null
  runs: number
  escalatedRuns: number
  costMicros: bigint
}

/** Agents in service that are idle or escalate too much; the dearest first, then by id. */
export async function findCandidates(db: Tx, now: Date, thresholds: RetirementQuery): Promise<RetirementCandidate[]> {
  const today = utcDay(now)
  const idleSince = addDays(now, -thresholds.idleDays)
  const rows = await db.$queryRaw<Row[]>`
    with days as (
      select d."agentId", max(d."day") filter (where d."runs" > 0) as "lastDay",
        coalesce(sum(d."runs") filter (where d."day" > ${isoDay(addDays(today, -rateDays))}::date), 0)::int as "runs",
        coalesce(sum(d."escalatedRuns") filter (where d."day" > ${isoDay(addDays(today, -rateDays))}::date), 0)::int as "escalatedRuns",
        coalesce(sum(d."costMicros") filter (where d."day" > ${isoDay(addDays(today, -costDays))}::date), 0)::bigint as "costMicros"
      from "AgentDay" d group by 1
    ), figures as (
      select a."id" as "agentId", a."name", a."ownerTeamId", t."name" as "ownerTeamName", p."id" as "personId", p."name" as "personName",
        a."demo", a."createdAt",
        greatest((select max(r."createdAt") from "Run" r where r."agentId" = a."id" and r."state" <> 'refused'),
          days."lastDay"::timestamp at time zone 'UTC') as "lastRunAt",
        coalesce(days."runs", 0) as "runs", coalesce(days."escalatedRuns", 0) as "escalatedRuns",
        coalesce(days."costMicros", 0) as "costMicros"
      from "Agent" a
      join "Team" t on t."id" = a."ownerTeamId"
      join "Person" p on p."id" = a."accountablePersonId"
      left join days on days."agentId" = a."id"
      where a."status" in ('active', 'suspended')
    )
    select * from figures
    where coalesce("lastRunAt", "createdAt") < ${idleSince}
      or ("runs" >= ${thresholds.minRuns} and "escalatedRuns" > "runs" * ${thresholds.escalationRate}::float8)
    order by "costMicros" desc, "agentId"`
  return rows.map((row) => toCandidate(row, now, thresholds))
}

function toCandidate(row: Row, now: Date, thresholds: RetirementQuery): RetirementCandidate {
  const rate = escalationRateOf(row)
  const reasons: RetirementReason[] = []
  const quietSince = row.lastRunAt ?? row.createdAt
  const idleDays = daysBetween(quietSince, now)
  if (quietSince < addDays(now, -thresholds.idleDays)) {
    reasons.push({ kind: 'idle', idleDays, lastRunAt: row.lastRunAt?.toISOString() ?? null })
  }
  if (rate !== null && row.runs >= thresholds.minRuns && rate > thresholds.escalationRate) {
    reasons.push({
      kind: 'escalates',
      escalationRate: rate,
      threshold: thresholds.escalationRate,
      runs: row.runs,
      escalatedRuns: row.escalatedRuns,
    })
  }
  return {
    agentId: row.agentId,
    name: row.name,
    ownerTeamId: row.ownerTeamId,
    ownerTeamName: row.ownerTeamName,
    accountablePerson: { id: row.personId, name: row.personName },
    demo: row.demo,
    reasons,
    lastRunAt: row.lastRunAt?.toISOString() ?? null,
    monthlyRuns: row.runs,
    escalationRate: rate,
    monthlySavingMicros: monthlyAverage(row, now).toString(),
  }
}

/** The last 90 days' cost as an average of 30; of a younger agent, of the days it has lived. */
function monthlyAverage(row: Row, now: Date): bigint {
  const livedDays = Math.min(costDays, Math.max(rateDays, daysBetween(row.createdAt, now)))
  return (row.costMicros * BigInt(rateDays)) / BigInt(livedDays)
}

function daysBetween(from: Date, to: Date): number {
  return Math.floor((to.getTime() - from.getTime()) / 86_400_000)
}
