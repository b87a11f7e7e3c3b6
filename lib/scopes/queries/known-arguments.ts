import { countedCallsSql } from '#lib/audit/queries/counted-calls.ts'
import { type Ctx, reader } from '#lib/auth/ctx.ts'
import { addPaths, pathsOf } from '#lib/registry/rules/argument-profile.ts'
import type { ArgumentObservation, ArgumentProfile } from '#lib/registry/schema/argument-profile.ts'
import type { ToolEvidence } from '../rules/condition-proposals.ts'

const dayMs = 86_400_000

/**
 * What is known of the arguments of what these agents called, by agent, server and tool: of the weeks in which one of the days that are looked at lies, and of those before. Callers
 * authorize.
 */
export async function argumentsKnown(
  ctx: Ctx,
  { agentIds, days }: { agentIds: readonly string[]; days: number },
): Promise<Map<string, ToolEvidence>> {
  const monday = mondayOf(new Date(ctx.now.getTime() - days * dayMs))
  const rows = await reader(ctx).$queryRaw<ToolRow[]>`
    select "agentId", "serverId", "tool", json_agg(json_build_object('week', "week", 'calls', "calls", 'unknown', "unknown", 'known', "known", 'firstAt', "firstAt", 'paths', "paths"))::text as "weeks"
    from "ArgumentProfile" where "agentId" = any(${[...agentIds]}) group by 1, 2, 3`
  return new Map(
    rows.map((row) => {
      // Written by the worker only (lib/metrics).
      const weeks = (JSON.parse(row.weeks) as WeekRow[]).map((each) => ({
        ...each,
        week: new Date(each.week),
        firstAt: new Date(each.firstAt),
      }))
      const { window = [], before = [] } = Object.groupBy(weeks, ({ week }) => (week < monday ? 'before' : 'window'))
      return [keyOf(row), { window, before }]
    }),
  )
}

/**
 * The same of calls of an agent at a server that are on record and not added up yet, by tool: the worker is some seconds behind, or down. Callers authorize.
 */
export async function argumentsPending(
  ctx: Ctx,
  { agentId, serverId, tools }: { agentId: string; serverId: string; tools: readonly string[] },
): Promise<Map<string, ArgumentProfile>> {
  const rows = await reader(ctx).$queryRaw<PendingRow[]>`
    select e."tool", min(e."at") as "firstAt", (count(*) filter (where ${countedCallsSql}))::int as "calls",
      (count(*) filter (where ${countedCallsSql} and o."eventId" is null))::int as "unknown",
      json_agg(o."facts") filter (where o."eventId" is not null) as "observations"
    from "AuditEvent" e left join "ArgumentObservation" o on o."eventId" = e."id"
    where e."seq" > (select max("seq") from "TrafficCursor") and e."agentId" = ${agentId} and e."serverId" = ${serverId} and e."tool" = any(${[...tools]}) and e."event" = 'mcp.call_allowed'
    group by 1`
  return new Map(
    rows.map(({ tool, observations, ...counts }) => {
      const observed = observations ?? []
      const paths = observed.map(pathsOf).reduce(addPaths, {})
      return [tool, { ...counts, known: observed.length, paths }]
    }),
  )
}

type PendingRow = Pick<ArgumentProfile, 'calls' | 'unknown' | 'firstAt'> & {
  tool: string
  observations: ArgumentObservation[] | null
}
type ToolRow = { agentId: string; serverId: string; tool: string; weeks: string }
type WeekRow = Omit<ArgumentProfile, 'firstAt'> & { week: string; firstAt: string }

export function keyOf({ agentId, serverId, tool }: { agentId: string; serverId: string; tool: string }): string {
  return JSON.stringify([agentId, serverId, tool])
}

/** The Monday on or before a day, in UTC. */
function mondayOf(day: Date): Date {
  const at = Math.floor(day.getTime() / dayMs)
  // The epoch was a Thursday.
  return new Date((at - ((at + 3) % 7)) * dayMs)
}
