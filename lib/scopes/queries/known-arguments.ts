import { type Ctx, reader } from '#lib/auth/ctx.ts'
import type { ArgumentProfile } from '#lib/registry/schema/argument-profile.ts'
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
