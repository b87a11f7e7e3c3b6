import { countedCallsSql } from '#lib/audit/queries/counted-calls.ts'
import { type Ctx, reader } from '#lib/auth/ctx.ts'
import { addPaths, pathsOf, privateDataClasses, withoutTexts } from '#lib/registry/rules/argument-profile.ts'
import type { ArgumentObservation, ArgumentProfile } from '#lib/registry/schema/argument-profile.ts'
import type { ToolEvidence } from '../rules/condition-proposals.ts'

const dayMs = 86_400_000

/** Of calls of a tool that are not added up yet, so many are looked at; of the others the arguments count as not known. */
const pendingMax = 2000

/**
 * What is known of the arguments of what these agents called, by agent, server and tool: of the weeks in which one of the days that are looked at lies, and of those before; calls that
 * are on record and not added up yet are among them. Callers authorize.
 */
export async function argumentsKnown(
  ctx: Ctx,
  { agentIds, days }: { agentIds: readonly string[]; days: number },
): Promise<Map<string, ToolEvidence>> {
  const monday = mondayOf(new Date(ctx.now.getTime() - days * dayMs))
  // One statement, so that what is added up meanwhile is counted once.
  const rows = await reader(ctx).$queryRaw<Row[]>`
    select "agentId", "serverId", "tool", json_agg(json_build_object('week', "week", 'calls', "calls", 'unknown', "unknown", 'known', "known", 'firstAt', "firstAt", 'paths', "paths"))::text as "weeks",
      null::boolean as "recent", null::int as "calls", null::int as "unknown", null::timestamptz as "firstAt", null::json as "observations", null::boolean as "isPrivate"
    from "ArgumentProfile" where "agentId" = any(${[...agentIds]}) group by 1, 2, 3
    union all
    select p."agentId", p."serverId", p."tool", null, p."at" >= ${monday}, (count(*) filter (where p."counted"))::int,
      (count(*) filter (where (p."counted" and p."facts" is null) or p."place" > ${pendingMax}))::int, min(p."at"),
      json_agg(p."facts") filter (where p."facts" is not null and p."place" <= ${pendingMax}), bool_or(p."isPrivate")
    from (
      select e."agentId", e."serverId", e."tool", e."at", o."facts", ${countedCallsSql} as "counted", coalesce(s."dataClasses" && ${[...privateDataClasses]}::text[], true) as "isPrivate",
        row_number() over (partition by e."agentId", e."serverId", e."tool" order by e."seq") as "place"
      from "AuditEvent" e left join "ArgumentObservation" o on o."eventId" = e."id" left join "McpServer" s on s."id" = e."serverId"
      where e."seq" > (select max("seq") from "TrafficCursor") and e."event" = 'mcp.call_allowed' and e."agentId" = any(${[...agentIds]}) and e."serverId" is not null and e."tool" is not null
    ) p group by 1, 2, 3, 5`
  const byTool = Map.groupBy(rows, keyOf)
  return new Map(
    [...byTool].map(([key, parts]) => {
      const all = parts.flatMap((row) => (row.weeks === null ? [pendingOf(row)] : weeksOf(row.weeks, monday)))
      const { window = [], before = [] } = Object.groupBy(all, ({ recent }) => (recent ? 'window' : 'before'))
      return [key, { window, before }]
    }),
  )
}

type Part = ArgumentProfile & { week: Date; recent: boolean }
type Pending = {
  recent: boolean
  calls: number
  unknown: number
  firstAt: Date
  observations: ArgumentObservation[] | null
  isPrivate: boolean
}
type Row = { agentId: string; serverId: string; tool: string } & ({ weeks: string } | ({ weeks: null } & Pending))
type WeekRow = Omit<ArgumentProfile, 'firstAt'> & { week: string; firstAt: string }

/** Written by the worker only (lib/metrics). */
function weeksOf(weeks: string, monday: Date): Part[] {
  return (JSON.parse(weeks) as WeekRow[]).map(({ week, firstAt, ...each }) => {
    return { ...each, week: new Date(week), firstAt: new Date(firstAt), recent: new Date(week) >= monday }
  })
}

/** As the worker adds them up: brokers may have written texts when the server was said to have no data of people or credentials. */
function pendingOf({ recent, calls, unknown, firstAt, observations, isPrivate }: Pending): Part {
  const observed = observations ?? []
  const paths = observed.map((each) => pathsOf(isPrivate ? withoutTexts(each) : each)).reduce(addPaths, {})
  return { week: mondayOf(firstAt), recent, calls, unknown, firstAt, known: observed.length, paths }
}

export function keyOf({ agentId, serverId, tool }: { agentId: string; serverId: string; tool: string }): string {
  return JSON.stringify([agentId, serverId, tool])
}

/** The Monday on or before a day, in UTC. */
function mondayOf(day: Date): Date {
  const at = Math.floor(day.getTime() / dayMs)
  // The epoch was a Thursday.
  return new Date((at - ((at + 3) % 7)) * dayMs)
}
