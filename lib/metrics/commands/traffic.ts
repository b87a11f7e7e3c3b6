import { authorize, type Ctx, inTx } from '#lib/auth/ctx.ts'
import { Prisma } from '#lib/db/generated/client.ts'
import { addToProfiles } from '../argument-profiles.ts'
import { addCallCosts, type CallCostSum, callCostExpression } from '../call-costs.ts'
import { durationBoundsMs } from '../rules/durations.ts'

/** Audit events added up in one transaction: the more, the fewer rows are written twice. */
const batchMax = 100_000
/** What takes seconds takes minutes on a machine that has other work; undone, it would only begin anew. */
const timeoutMs = 600_000
const hoursKeptDays = 92
/** More than a year: no screen and no question about unused scopes looks back further. */
const daysKeptDays = 400

/**
 * Adds up what the audit log has brought since the last time, by tool and hour and by agent, tool and day, and what arguments were like by agent, tool and week: each event once, however many workers ask and whenever they
 * end, because the sums and how far they go are written together. What calls cost is added to their runs and agents in the same turn. No call is counted before what its
 * arguments were like. `more`: the log goes on; `cost`: some of it did. Needs `costs:manage`.
 */
export async function rollUpTraffic(ctx: Ctx): Promise<RolledUp> {
  authorize(ctx, 'costs:manage')
  // Two parts of the log over two connections: what the last turn has read the arguments of is counted while those of the next are read.
  const counting = addTraffic(ctx)
  counting.catch(() => {})
  let profiles: { more: boolean }
  try {
    profiles = await addToProfiles(ctx, { timeoutMs })
  } finally {
    // Nothing is under way any more when the other part has failed.
    await counting
  }
  const behind = await counting
  if (profiles.more || behind.more) return { more: true, cost: behind.cost }
  const { more, cost } = await addTraffic(ctx)
  return { more, cost: behind.cost || cost }
}

type RolledUp = { more: boolean; cost: boolean }

/** As far as arguments are added up. */
async function addTraffic(ctx: Ctx): Promise<RolledUp> {
  return await inTx(
    ctx,
    async (tx) => {
      await tx.$queryRaw`select 1 from "TrafficCursor" where "id" = 1 for update`
      const [cursor] = await tx.$queryRaw<{ after: bigint; upTo: bigint; more: boolean }[]>`
        select c."seq" as "after", least(p."seq", c."seq" + ${batchMax}) as "upTo", p."seq" > c."seq" + ${batchMax} as "more"
        from "TrafficCursor" c, "TrafficCursor" p where c."id" = 1 and p."id" = 2`
      if (!cursor || cursor.upTo <= cursor.after) return { more: false, cost: false }
      await tx.$executeRaw`set local work_mem = '64MB'`
      const costs = await tx.$queryRaw<CallCostSum[]>`
        with event as materialized (${eventsBetween(cursor.after, cursor.upTo)}), hours as (${addHours}), days as (${addDays})
        select "agentId", "runId"::text as "runId", ("at" at time zone 'UTC')::date::text as "day", sum("cost")::bigint as "costMicros"
        from event where "cost" > 0 group by 1, 2, 3`
      await addCallCosts(tx, costs)
      await tx.$executeRaw`update "TrafficCursor" set "seq" = ${cursor.upTo} where "id" = 1`
      return { more: cursor.more, cost: costs.length > 0 }
    },
    { timeoutMs },
  )
}

/** Forgets hours, days and what arguments were like, when nothing shows them any more. Needs `costs:manage`. */
export async function forgetTraffic(ctx: Ctx): Promise<number> {
  authorize(ctx, 'costs:manage')
  const daysAgo = (days: number) => new Date(ctx.now.getTime() - days * 86_400_000)
  const hours = await ctx.db.toolHour.deleteMany({ where: { hour: { lt: daysAgo(hoursKeptDays) } } })
  const days = await ctx.db.agentToolDay.deleteMany({ where: { day: { lt: daysAgo(daysKeptDays) } } })
  const weeks = await ctx.db.argumentProfile.deleteMany({ where: { week: { lt: daysAgo(daysKeptDays + 7) } } })
  return hours.count + days.count + weeks.count
}

/**
 * Calls in the log. A name that a server does not have is counted without it, or a caller could fill the table with names of its own; one that was allowed is known.
 * What a server asked in between, and a part that went on in another request, is no call of its own, though what is billed of it counts. A result that was passed on
 * while it arrived has its end, and so its duration, in a row of its own. One that was withheld after its end was on record has ended once, and is counted as broken off besides.
 */
function eventsBetween(after: bigint, upTo: bigint): Prisma.Sql {
  return Prisma.sql`
    select e.*, e."event" = 'mcp.call_allowed' and e."outcome" in (${callOutcomes}) as "call",
      (e."event" = 'mcp.result_passed' and not e."withheld") or (e."event" = 'mcp.call_allowed' and e."outcome" in (${callOutcomes}) and e."outcome" <> 'streamed') as "ended"
    from (
      select e."agentId", e."serverId", e."runId", e."at", e."event",
        case when e."event" <> 'mcp.call_denied' or t."name" is not null then e."tool" else '' end as "tool",
        e."detail"->>'outcome' as "outcome", e."detail"->'withheld' is not null as "withheld", (e."detail"->>'ms')::bigint as "ms", ${callCostExpression} as "cost",
        case when e."event" = 'mcp.call_denied' then coalesce((e."detail"->>'count')::bigint, 1) end as "refused"
      from "AuditEvent" e
      join "McpServer" s on s."id" = e."serverId"
      left join "McpTool" t on t."serverId" = e."serverId" and t."name" = e."tool"
      where e."seq" > ${after} and e."seq" <= ${upTo} and e."tool" is not null and e."agentId" is not null and (
        e."event" in ('mcp.call_denied', 'mcp.result_passed', 'call.held')
        or (e."event" = 'mcp.call_allowed' and (e."detail"->>'outcome' in (${callOutcomes}) or ${callCostExpression} > 0)))
    ) e`
}

const callOutcomes = Prisma.raw("'ok', 'tool_error', 'upstream_error', 'aborted', 'streamed'")

const buckets = Prisma.join(
  [0, ...durationBoundsMs].map((from, index) => {
    const to = durationBoundsMs[index]
    const below = to === undefined ? Prisma.empty : Prisma.sql`and "ms" < ${to}`
    return Prisma.sql`(count(*) filter (where "ended" and "ms" >= ${from} ${below}))::int`
  }),
)

const addHours = Prisma.sql`
  insert into "ToolHour" ("serverId", "tool", "hour", "calls", "refused", "held", "toolErrors", "serverErrors", "aborted", "msSum", "msBuckets", "costMicros")
  select "serverId", "tool", date_trunc('hour', "at", 'UTC'), count(*) filter (where "call"),
    coalesce(sum("refused"), 0), count(*) filter (where "event" = 'call.held'),
    count(*) filter (where "outcome" = 'tool_error'), count(*) filter (where "outcome" = 'upstream_error'),
    count(*) filter (where "outcome" = 'aborted'), coalesce(sum("ms") filter (where "ended"), 0), array[${buckets}], coalesce(sum("cost"), 0)
  from event group by 1, 2, 3 order by 1, 3, 2
  on conflict ("serverId", "hour", "tool") do update set "calls" = "ToolHour"."calls" + excluded."calls",
    "refused" = "ToolHour"."refused" + excluded."refused", "held" = "ToolHour"."held" + excluded."held",
    "toolErrors" = "ToolHour"."toolErrors" + excluded."toolErrors",
    "serverErrors" = "ToolHour"."serverErrors" + excluded."serverErrors", "aborted" = "ToolHour"."aborted" + excluded."aborted",
    "msSum" = "ToolHour"."msSum" + excluded."msSum", "costMicros" = "ToolHour"."costMicros" + excluded."costMicros",
    "msBuckets" = (select array_agg(coalesce(b."before", 0) + b."more" order by b."position")
      from unnest("ToolHour"."msBuckets", excluded."msBuckets") with ordinality as b("before", "more", "position"))`

const addDays = Prisma.sql`
  insert into "AgentToolDay" ("agentId", "serverId", "tool", "day", "calls", "refused", "errors", "lastAt", "costMicros")
  select "agentId", "serverId", "tool", ("at" at time zone 'UTC')::date, count(*) filter (where "call"),
    coalesce(sum("refused"), 0), count(*) filter (where "outcome" in ('tool_error', 'upstream_error')), max("at"), coalesce(sum("cost"), 0)
  from event where "event" <> 'call.held' group by 1, 2, 3, 4 order by 1, 4, 2, 3
  on conflict ("agentId", "day", "serverId", "tool") do update set "calls" = "AgentToolDay"."calls" + excluded."calls",
    "refused" = "AgentToolDay"."refused" + excluded."refused", "errors" = "AgentToolDay"."errors" + excluded."errors",
    "lastAt" = greatest("AgentToolDay"."lastAt", excluded."lastAt"), "costMicros" = "AgentToolDay"."costMicros" + excluded."costMicros"`
