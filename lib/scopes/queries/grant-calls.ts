import { countedCallsSql } from '#lib/audit/queries/counted-calls.ts'
import { type Ctx, reader } from '#lib/auth/ctx.ts'
import { Prisma } from '#lib/db/generated/client.ts'
import { judgeGrants, type UsedGrant, type UsedTool } from '../rules/least-privilege.ts'
import type { ConditionBar, GrantUsage } from '../schema/usage.ts'
import { argumentsKnown, keyOf } from './known-arguments.ts'

const dayMs = 86_400_000

/** What the grants of these agents were needed for over the last days, and how each could be less, by agent; callers authorize. */
export async function usageOfAgents(
  ctx: Ctx,
  { agentIds, days, bar }: { agentIds: readonly string[]; days: number; bar?: ConditionBar },
): Promise<Map<string, GrantUsage[]>> {
  // Arguments first: of a call that comes in between nothing is known then, which nobody takes for less than it is.
  const known = await argumentsKnown(ctx, { agentIds, days })
  const rows = await reader(ctx).$queryRaw<UsageRow[]>(usageSql({ agentIds, days, now: ctx.now }))
  const byAgent = Map.groupBy(rows, ({ agentId }) => agentId)
  return new Map(
    [...byAgent].map(([agentId, grants]) => {
      const evidenceOf = (serverId: string, tool: string) => known.get(keyOf({ agentId, serverId, tool }))
      const about = { now: ctx.now, days, ...(bar ? { bar } : {}), evidenceOf }
      return [agentId, judgeGrants(grants.map(usedGrant), about).toSorted(inPlace(grants))]
    }),
  )
}

/** Each grant that is held by one of these agents, with the calls that it covers by tool. */
export function usageSql(about: { agentIds: readonly string[]; days: number; now: Date }): Prisma.Sql {
  const { agentIds, days, now } = about
  const from = since(now, days)
  return Prisma.sql`
    with pending as materialized (${pendingSql(Prisma.sql`e."agentId" = any(${agentIds})`)})
    select g."agentId", g."id" as "grantId", g."serverId", g."class"::text as "class", g."toolName", g."createdAt", g."expiresAt",
      g."rateCalls" is not null as "rated", g."rateCalls" is not null or g."conditions" <> '[]' as "limited",
      jsonb_path_query_array(g."conditions", '$[*].pointer') as "conditionPointers", g."via" = 'break_glass' as "breakGlass",
      (select count(*) from "McpTool" t where t."serverId" = g."serverId" and t."state" = 'approved' and t."class" <= g."class")::int as "reached",
      coalesce(used."tools", '[]'::json) as "tools"
    from "Grant" g
    left join lateral (
      select json_agg(json_build_object('tool', u."tool", 'class', u."class", 'calls', u."calls", 'callsBefore', u."before", 'lastAt', u."lastAt")) as "tools"
      from (
        select d."tool", t."class", coalesce(sum(d."calls") filter (where d."day" >= ${from}::date), 0)::int as "calls",
          coalesce(sum(d."calls") filter (where d."day" < ${from}::date and d."day" >= g."createdAt"::date), 0)::int as "before",
          max(d."lastAt") filter (where d."day" >= ${from}::date) as "lastAt"
        from ${calledSql} d left join "McpTool" t on t."serverId" = d."serverId" and t."name" = d."tool"
        where d."agentId" = g."agentId" and d."serverId" = g."serverId" and ${coveredSql}
        group by 1, 2
      ) u
    ) used on true
    where g."agentId" = any(${agentIds}) and ${heldSql(now)}
    order by g."agentId", g."serverId", g."class", g."toolName" nulls first, g."id"`
}

/** Calls that are on record and not added up yet, because the worker is some seconds behind, or down: by agent, server, tool and day, as it adds them up. */
export function pendingSql(which: Prisma.Sql): Prisma.Sql {
  return Prisma.sql`
    select e."agentId", e."serverId", e."tool", (e."at" at time zone 'UTC')::date as "day", count(*)::int as "calls", max(e."at") as "lastAt"
    from "TrafficCursor" c join "AuditEvent" e on e."seq" > c."seq"
    where c."id" = 1 and ${countedCallsSql} and ${which} and e."serverId" is not null and e."tool" is not null group by 1, 2, 3, 4`
}

/** Every call, in a statement that has those as `pending`. */
export const calledSql = Prisma.sql`(
  select "agentId", "serverId", "tool", "day", "calls", "lastAt" from "AgentToolDay"
  union all select "agentId", "serverId", "tool", "day", "calls", "lastAt" from pending)`

/** Whether calls of a day `d` to a tool `t` are covered by a grant `g`; methods of MCP, which are no tools, by one of the whole server. */
export const coveredSql = Prisma.sql`d."calls" > 0 and case when t."name" is null then g."toolName" is null and d."tool" <> ''
  else t."class" <= g."class" and (g."toolName" is null or g."toolName" = d."tool") end`

/** Neither revoked nor expired, whether its server and tool can be called just now or not. */
export function heldSql(now: Date): Prisma.Sql {
  return Prisma.sql`g."revokedAt" is null and (g."expiresAt" is null or g."expiresAt" > ${now})`
}

/** The first UTC day that is looked at. */
export function since(now: Date, days: number): string {
  return new Date(now.getTime() - days * dayMs).toISOString().slice(0, 10)
}

type UsageRow = Omit<UsedGrant, 'tools'> & {
  agentId: string
  /** Times as JSON has them. */
  tools: (Omit<UsedTool, 'lastAt'> & { lastAt: string | null })[]
}

function usedGrant({ tools, ...row }: UsageRow): UsedGrant {
  return {
    ...row,
    tools: tools.map((tool) => ({ ...tool, lastAt: tool.lastAt === null ? null : new Date(tool.lastAt) })),
  }
}

/** The order in which the database has them, for people. */
function inPlace(grants: readonly { grantId: string }[]): (a: GrantUsage, b: GrantUsage) => number {
  const places = new Map(grants.map(({ grantId }, at) => [grantId, at]))
  return (a, b) => (places.get(a.grantId) ?? 0) - (places.get(b.grantId) ?? 0)
}

/** What was called under each of these grants since its own instant, by tool; a day counts as a whole when something was called after the instant. Callers authorize. */
export async function grantCallsSince(
  ctx: Ctx,
  asked: readonly { grantId: string; since: Date }[],
): Promise<Map<string, { tool: string; calls: number }[]>> {
  if (asked.length === 0) return new Map()
  const ids = asked.map(({ grantId }) => grantId)
  const instants = asked.map((each) => each.since.toISOString())
  const agents = Prisma.sql`e."agentId" in (select "agentId" from "Grant" where "id" = any(${ids}::uuid[]))`
  const rows = await reader(ctx).$queryRaw<{ grantId: string; tool: string; calls: number }[]>(Prisma.sql`
    with pending as materialized (${pendingSql(agents)})
    select g."id" as "grantId", d."tool", sum(d."calls")::int as "calls"
    from unnest(${ids}::uuid[], ${instants}::timestamptz[]) as asked("id", "since")
    join "Grant" g on g."id" = asked."id"
    join ${calledSql} d on d."agentId" = g."agentId" and d."serverId" = g."serverId" and d."day" >= asked."since"::date and d."lastAt" > asked."since"
    left join "McpTool" t on t."serverId" = d."serverId" and t."name" = d."tool"
    where ${coveredSql} group by 1, 2 order by 1, 3 desc, 2`)
  return new Map(
    [...Map.groupBy(rows, ({ grantId }) => grantId)].map(([id, tools]) => [
      id,
      tools.map(({ tool, calls }) => ({ tool, calls })),
    ]),
  )
}
