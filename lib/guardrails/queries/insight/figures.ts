import { Prisma } from '#lib/db/generated/client.ts'
import type { Tx } from '#lib/db/client.ts'

// What came of held calls, added up by PostgreSQL: a row for each rule, each decider and all of them.

export type FigureRow = {
  ruleId: string | null
  decidedById: string | null
  /** Which of the two it is about: 'rule' | 'decider' | 'all'. */
  about: 'rule' | 'decider' | 'all'
  title: string | null
  held: number
  waiting: number
  approved: number
  edited: number
  rejected: number
  expired: number
  cancelled: number
  medianMs: number | null
  p90Ms: number | null
}

const decided = Prisma.sql`h."state" in ('approved', 'edited', 'rejected')`
const ms = Prisma.sql`extract(epoch from h."decidedAt" - h."createdAt") * 1000`
const stateCounts = Prisma.join(
  ['waiting', 'approved', 'edited', 'rejected', 'expired', 'cancelled'].map(
    (state) =>
      Prisma.sql`(count(*) filter (where h."state" = ${state}::"HeldCallState"))::int as ${Prisma.raw(`"${state}"`)}`,
  ),
)

export async function figureRows(db: Tx, from: Date): Promise<FigureRow[]> {
  return await db.$queryRaw<FigureRow[]>`
    select h."ruleId", h."decidedById",
      case grouping(h."ruleId", h."decidedById") when 1 then 'rule' when 2 then 'decider' else 'all' end as "about",
      max(h."ruleTitle") as "title", count(*)::int as "held", ${stateCounts},
      percentile_cont(0.5) within group (order by ${ms}) filter (where ${decided}) as "medianMs",
      percentile_cont(0.9) within group (order by ${ms}) filter (where ${decided}) as "p90Ms"
    from "HeldCall" h where h."createdAt" >= ${from}
    group by grouping sets ((h."ruleId"), (h."decidedById"), ())
    order by count(*) desc, h."ruleId", h."decidedById"`
}

/** Whether a rule `r` is about a tool `t` of a server `s`, as it is classed now. */
export const ruleIsAbout = Prisma.sql`
  (r."serverId" is null or t."serverId" = r."serverId") and (r."toolName" is null or t."name" = r."toolName")
    and (r."class" is null or t."class" >= r."class") and (r."environment" is null or s."environment" = r."environment")`

export type MetRow = { ruleId: string | null; calls: number }

/** Allowed calls of tools that rules were about, in the hours they were in force; without a rule: of any of them, each once. */
export async function metRows(db: Tx, from: Date): Promise<MetRow[]> {
  return await db.$queryRaw<MetRow[]>`
    with met as (
      select r."id" as "ruleId", h."serverId", h."tool", h."hour", h."calls"
      from "HoldRule" r join ("McpTool" t join "McpServer" s on s."id" = t."serverId") on ${ruleIsAbout}
      join "ToolHour" h on h."serverId" = t."serverId" and h."tool" = t."name"
        and h."hour" >= greatest(${from}, date_trunc('hour', r."createdAt", 'UTC')) and (r."removedAt" is null or h."hour" <= r."removedAt")
      where r."removedAt" is null or r."removedAt" > ${from}
    )
    select "ruleId", sum("calls")::float8 as "calls" from met group by 1
    union all
    select null, coalesce(sum("calls"), 0)::float8 from (select distinct "serverId", "tool", "hour", "calls" from met) each_once`
}

export type RuleRow = {
  id: string
  title: string
  removedAt: Date | null
  conditional: boolean
  createdAt: Date
  decideSeconds: number
  deciderRoles: string[]
  heldLately: number
  callsLately: number
}

/** Rules in force, with what they were about lately, and those of which calls were held. */
export async function ruleRows(db: Tx, options: { heldIds: readonly string[]; lately: Date }): Promise<RuleRow[]> {
  const { heldIds, lately } = options
  return await db.$queryRaw<RuleRow[]>`
    select r."id", r."title", r."removedAt", r."createdAt", r."decideSeconds", r."deciderRoles", r."conditions" <> '[]' as "conditional",
      (select count(*) from "HeldCall" h where h."ruleId" = r."id" and h."createdAt" >= ${lately})::int as "heldLately",
      coalesce((select sum(h."calls") from "McpTool" t join "McpServer" s on s."id" = t."serverId"
        join "ToolHour" h on h."serverId" = t."serverId" and h."tool" = t."name" and h."hour" >= ${lately} where ${ruleIsAbout}), 0)::float8 as "callsLately"
    from "HoldRule" r where r."removedAt" is null or r."id" = any(${[...heldIds]}::uuid[])
    order by r."position", r."createdAt", r."id" limit 1000`
}

/** Arguments that were a number in approved calls of these rules. Their values never leave: only the smallest and the largest do. */
export async function numberRows(
  db: Tx,
  options: { ruleIds: readonly string[]; from: Date },
): Promise<{ ruleId: string; name: string; count: number; min: number; max: number; integers: boolean }[]> {
  const { ruleIds, from } = options
  if (ruleIds.length === 0) return []
  return await db.$queryRaw`
    with given as materialized (
      select h."ruleId", a."key", (a."value" #>> '{}')::float8 as "value"
      from "HeldCall" h cross join lateral jsonb_each(h."arguments") a("key", "value")
      where h."ruleId" = any(${[...ruleIds]}::uuid[]) and h."state" = 'approved' and h."createdAt" >= ${from}
        and jsonb_typeof(a."value") = 'number'
    )
    select "ruleId", "key" as "name", count(*)::int as "count", min("value") as "min", max("value") as "max",
      bool_and("value" = trunc("value")) as "integers"
    from given group by 1, 2 order by 1, 2`
}

export type RejectedRow = {
  serverId: string
  serverName: string
  tool: string
  rejected: number
  agents: { id: string; name: string }[]
}

/** Tools whose calls people rejected, every one that they decided about. */
export async function alwaysRejected(db: Tx, options: { from: Date; atLeast: number }): Promise<RejectedRow[]> {
  return await db.$queryRaw<RejectedRow[]>`
    with tools as (
      select h."serverId", h."tool", count(*)::int as "rejected" from "HeldCall" h
      where h."createdAt" >= ${options.from} and h."serverId" is not null and ${decided}
      group by 1, 2 having bool_and(h."state" = 'rejected') and count(*) >= ${options.atLeast}
    )
    select t."serverId", s."name" as "serverName", t."tool", t."rejected", (
        select json_agg(json_build_object('id', "id", 'name', "name") order by "id") from (
          select distinct a."id", a."name" from "HeldCall" h join "Agent" a on a."id" = h."agentId"
          where h."serverId" = t."serverId" and h."tool" = t."tool" and h."state" = 'rejected' and h."createdAt" >= ${options.from}
          order by a."id" limit 10
        ) callers
      ) as "agents"
    from tools t join "McpServer" s on s."id" = t."serverId" order by t."rejected" desc, t."serverId", t."tool" limit 50`
}
