import { authorize, type Ctx, reader } from '#lib/auth/ctx.ts'
import { DomainError } from '#lib/core/errors.ts'
import type { Tx } from '#lib/db/client.ts'
import { Prisma } from '#lib/db/generated/client.ts'
import type { ToolClass } from '#lib/registry/schema.ts'
import { countedUntil } from '../counted-until.ts'
import { addDays, isoDay, utcDay } from '../rules.ts'
import { durationBoundsMs, durationQuantile } from '../rules/durations.ts'
import type { ServerTraffic, ServerTrafficQuery, TrafficSums } from '../schema/traffic.ts'

const hourMs = 3_600_000
/** Above this a point is a day. */
const hoursByHourMax = 48

type Row = Omit<TrafficSums, 'p50Ms' | 'p95Ms' | 'costMicros'> & { costMicros: bigint; buckets: number[] }

/** What went through the broker to a server: a series without gaps, totals, the time before, tools. Needs `servers:read`; throws `not_found`. */
export async function serverTraffic(ctx: Ctx, query: ServerTrafficQuery): Promise<ServerTraffic> {
  authorize(ctx, 'servers:read')
  const { serverId, hours } = query
  const db = reader(ctx)
  if (!(await db.mcpServer.findUnique({ where: { id: serverId }, select: { id: true } }))) {
    throw new DomainError('not_found', `There is no MCP server ${serverId}.`)
  }
  const step = hours <= hoursByHourMax ? 'hour' : 'day'
  const from = beginOf(ctx.now, step, hours)
  const before = new Date(from.getTime() - (ctx.now.getTime() - from.getTime()))
  const range = { serverId, from, to: ctx.now }
  return {
    serverId,
    hours,
    countedUntil: await countedUntil(ctx),
    from: from.toISOString(),
    to: ctx.now.toISOString(),
    step,
    series: await seriesOf(db, { ...range, step }),
    totals: await sumsBetween(db, range),
    previous: await sumsBetween(db, { serverId, from: before, to: new Date(from.getTime() - 1) }),
    tools: await toolsOf(db, range),
  }
}

/** The full hours or days, the unfinished one included, that cover the last `hours`. */
function beginOf(now: Date, step: 'hour' | 'day', hours: number): Date {
  if (step === 'hour') return new Date((Math.floor(now.getTime() / hourMs) + 1 - hours) * hourMs)
  return addDays(utcDay(now), 1 - Math.ceil(hours / 24))
}

type Range = { serverId: string; from: Date; to: Date }

async function seriesOf(db: Tx, range: Range & { step: 'hour' | 'day' }): Promise<ServerTraffic['series']> {
  const step = range.step === 'hour' ? Prisma.sql`interval '1 hour'` : Prisma.sql`interval '1 day'`
  const rows = await db.$queryRaw<(Row & { at: Date })[]>`
    select g."at", ${sums} from generate_series(${range.from}::timestamptz, ${range.to}::timestamptz, ${step}) as g("at")
    left join "ToolHour" h on h."serverId" = ${range.serverId} and h."hour" >= g."at" and h."hour" < g."at" + ${step}
    group by 1 order by 1`
  return rows.map(({ at, ...row }) => ({ at: at.toISOString(), ...sumsOf(row) }))
}

async function sumsBetween(db: Tx, range: Range): Promise<TrafficSums> {
  const rows = await db.$queryRaw<Row[]>`select ${sums} from "ToolHour" h where ${within(range)}`
  return sumsOf(rows[0]!)
}

async function toolsOf(db: Tx, range: Range): Promise<ServerTraffic['tools']> {
  const rows = await db.$queryRaw<(Row & { tool: string; class: ToolClass | null; agents: number })[]>`
    with tools as (select h."tool", ${sums} from "ToolHour" h where ${within(range)} group by 1),
    callers as (
      select "tool", count(distinct "agentId")::int as "agents" from "AgentToolDay"
      where "serverId" = ${range.serverId} and "day" between ${isoDay(range.from)}::date and ${isoDay(range.to)}::date group by 1
    )
    select tools.*, t."class"::text as "class", coalesce(c."agents", 0) as "agents" from tools
    left join "McpTool" t on t."serverId" = ${range.serverId} and t."name" = tools."tool"
    left join callers c on c."tool" = tools."tool"
    order by tools."calls" + tools."refused" desc, tools."tool"`
  return rows.map(({ tool, class: toolClass, agents, ...row }) => ({ tool, class: toolClass, agents, ...sumsOf(row) }))
}

function within({ serverId, from, to }: Range): Prisma.Sql {
  return Prisma.sql`h."serverId" = ${serverId} and h."hour" >= ${from} and h."hour" <= ${to}`
}

const sums = Prisma.sql`
  coalesce(sum(h."calls"), 0)::int as "calls", coalesce(sum(h."refused"), 0)::int as "refused", coalesce(sum(h."held"), 0)::int as "held",
  coalesce(sum(h."toolErrors"), 0)::int as "toolErrors", coalesce(sum(h."serverErrors"), 0)::int as "serverErrors",
  coalesce(sum(h."aborted"), 0)::int as "aborted", coalesce(sum(h."costMicros"), 0)::bigint as "costMicros",
  array[${Prisma.join([...durationBoundsMs.keys(), durationBoundsMs.length].map((index) => Prisma.sql`coalesce(sum(h."msBuckets"[${Prisma.raw(String(index + 1))}]), 0)::int`))}] as "buckets"`

function sumsOf({ buckets, costMicros, ...counts }: Row): TrafficSums {
  return {
    ...counts,
    costMicros: costMicros.toString(),
    p50Ms: durationQuantile(buckets, 0.5),
    p95Ms: durationQuantile(buckets, 0.95),
  }
}
