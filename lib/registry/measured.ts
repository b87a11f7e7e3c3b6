import { Prisma } from '#lib/db/generated/client.ts'
import type { Measured } from './schema.ts'

const dayMs = 86_400_000
/** "Monthly" everywhere: the last 30 UTC days including today. */
const measuredDays = 30

/** The first UTC day of the window, at midnight. */
export function measuredSince(now: Date): Date {
  return new Date(Math.floor(now.getTime() / dayMs) * dayMs - (measuredDays - 1) * dayMs)
}

/** Joins an agent's figures over the window as `m`, from the primary key of the day roll-ups. */
export function measuredSql(since: Date): Prisma.Sql {
  return Prisma.sql`left join lateral (
    select sum(d."runs")::bigint as "runs", sum(d."escalatedRuns")::bigint as "escalatedRuns", sum(d."costMicros")::bigint as "costMicros",
      sum(d."unpricedRequests")::bigint as "unpricedRequests"
    from "AgentDay" d where d."agentId" = a."id" and d."day" >= ${since.toISOString().slice(0, 10)}::text::date) m on true`
}

export function measuredView(row: {
  runs: bigint | null
  escalatedRuns: bigint | null
  costMicros: bigint | null
  unpricedRequests: bigint | null
}): Omit<Measured, 'lastRunDay'> {
  const runs = Number(row.runs ?? 0n)
  return {
    monthlyRuns: runs,
    cost30dMicros: (row.costMicros ?? 0n).toString(),
    unpricedRequests: Number(row.unpricedRequests ?? 0n),
    escalationRate: runs === 0 ? null : Number(row.escalatedRuns ?? 0n) / runs,
  }
}
