import { countedCallsSql } from '#lib/audit/queries/counted-calls.ts'
import { type Ctx, inTx } from '#lib/auth/ctx.ts'
import type { Tx } from '#lib/db/client.ts'
import {
  addPaths,
  joinCounts,
  pathsOf,
  privateDataClasses,
  withoutTexts,
} from '#lib/registry/rules/argument-profile.ts'
import type { ArgumentObservation, ArgumentProfile } from '#lib/registry/schema/argument-profile.ts'

/** Audit events added up in one transaction: the more, the fewer profiles are written twice. */
const batchMax = 100_000
/** Audit events of which what arguments were like is read at once: as one text, which a database makes of so many bytes only, whatever is in it. */
const pageMax = 20_000
/** Profiles that are written at once, for the same reason. */
const writtenMax = 5_000

/**
 * Adds what the arguments of the next calls in the audit log were like to the profile of each agent, tool and week, and forgets it of the single calls. Every call is counted, whether
 * its arguments are known or not, so that nobody takes a profile for whole that is not. One worker at a time does; for the others there is nothing. Callers authorize.
 */
export async function addToProfiles(ctx: Ctx, { timeoutMs }: { timeoutMs: number }): Promise<{ more: boolean }> {
  return await inTx(
    ctx,
    async (tx) => {
      const [own] = await tx.$queryRaw<unknown[]>`select 1 from "TrafficCursor" where "id" = 2 for update skip locked`
      if (!own) return { more: false }
      // Read once it is locked. A worker of a release before this one keeps one cursor for both.
      const [cursor] = await tx.$queryRaw<{ after: bigint; upTo: bigint; more: boolean }[]>`
        select c."seq" as "after", least(h."seq", c."seq" + ${batchMax}) as "upTo", h."seq" > c."seq" + ${batchMax} as "more"
        from (select max("seq") as "seq" from "TrafficCursor") c, "AuditHead" h where h."id" = 1`
      if (!cursor || cursor.upTo === cursor.after) return { more: false }
      await tx.$executeRaw`set local work_mem = '64MB'`
      await addBetween(tx, cursor)
      await tx.$executeRaw`update "TrafficCursor" set "seq" = ${cursor.upTo} where "id" = 2`
      return { more: cursor.more }
    },
    { timeoutMs },
  )
}

async function addBetween(tx: Tx, { after, upTo }: { after: bigint; upTo: bigint }): Promise<void> {
  const sums = new Map<string, Place & ArgumentProfile>()
  let reading = broughtBetween(tx, pageAfter(after, upTo))
  for (let from = after; from < upTo;) {
    const { upTo: to } = pageAfter(from, upTo)
    const brought = await reading
    // The next statement is on its way before the processor is taken; its failure is told when it is waited for.
    if (to < upTo) reading = broughtBetween(tx, pageAfter(to, upTo))
    reading.catch(() => {})
    await addUp(sums, brought)
    from = to
  }
  const rows = [...sums].toSorted(([a], [b]) => (a < b ? -1 : 1))
  let writing: Promise<unknown> = Promise.resolve()
  for (let at = 0; at < rows.length; at += writtenMax) {
    const part = rows.slice(at, at + writtenMax)
    const stored = await storedProfiles(
      tx,
      part.map(([, place]) => place),
    )
    await writing
    writing = writeProfiles(
      tx,
      part.map(([key, row]) => joined(row, stored.get(key))),
    )
    writing.catch(() => {})
  }
  await writing
}

function pageAfter(after: bigint, upTo: bigint): { after: bigint; upTo: bigint } {
  const end = after + BigInt(pageMax)
  return { after, upTo: end < upTo ? end : upTo }
}

/**
 * Taken out as it is read. Column by column as JSON: a row of its own for each, or an object, would take longer to make and to read than to add up. By the ids as one array: joined, the
 * whole table would be read for each page.
 */
async function broughtBetween(tx: Tx, { after, upTo }: { after: bigint; upTo: bigint }): Promise<Brought> {
  const [read] = await tx.$queryRaw<[Record<keyof Brought, string | null>]>`
    with event as materialized (
      select e."id", e."agentId", e."serverId", e."tool", e."at", date_trunc('week', e."at", 'UTC') as "week", ${countedCallsSql} as "counted"
      from "AuditEvent" e where e."seq" > ${after} and e."seq" <= ${upTo} and e."event" = 'mcp.call_allowed' and e."agentId" is not null
    ), observed as (
      delete from "ArgumentObservation" where "eventId" = any(array(select "id" from event)) returning "eventId", "facts"
    ), brought as (
      select e."agentId", e."serverId", e."tool", e."week", (count(*) filter (where e."counted"))::int as "calls",
        (count(*) filter (where e."counted" and o."eventId" is null))::int as "unknown", count(o."eventId")::int as "known", min(e."at") as "firstAt",
        json_agg(o."facts") filter (where o."eventId" is not null) as "observations"
      from event e left join observed o on o."eventId" = e."id" group by 1, 2, 3, 4
    )
    select json_agg(b."agentId")::text as "agentId", json_agg(b."serverId")::text as "serverId", json_agg(b."tool")::text as "tool",
      json_agg((b."week" at time zone 'UTC')::date)::text as "week", json_agg(b."calls")::text as "calls", json_agg(b."unknown")::text as "unknown",
      json_agg(b."known")::text as "known", json_agg(b."firstAt")::text as "firstAt", json_agg(b."observations")::text as "observations",
      json_agg(s."dataClasses" && ${[...privateDataClasses]}::text[])::text as "isPrivate"
    from brought b join "McpServer" s on s."id" = b."serverId"
    join "McpTool" t on t."serverId" = b."serverId" and t."name" = b."tool"`
  const columns = Object.entries(read).map(([name, text]) => [name, JSON.parse(text ?? '[]') as unknown])
  return Object.fromEntries(columns) as Brought
}

type Place = { agentId: string; serverId: string; tool: string; week: string }
/** Each a column. `observations`: as brokers have written them. */
type Brought = {
  agentId: string[]
  serverId: string[]
  tool: string[]
  week: string[]
  calls: number[]
  unknown: number[]
  known: number[]
  firstAt: string[]
  observations: (ArgumentObservation[] | null)[]
  isPrivate: boolean[]
}

async function addUp(sums: Map<string, Place & ArgumentProfile>, brought: Brought): Promise<void> {
  for (const [at, agentId] of brought.agentId.entries()) {
    // Others have their turn, and the statement goes out.
    if (at % 500 === 0) await new Promise((resolve) => setImmediate(resolve))
    const place = { agentId, serverId: brought.serverId[at]!, tool: brought.tool[at]!, week: brought.week[at]! }
    const counts = {
      calls: brought.calls[at]!,
      unknown: brought.unknown[at]!,
      known: brought.known[at]!,
      firstAt: new Date(brought.firstAt[at]!),
    }
    const key = keyOf(place)
    const before = sums.get(key)
    let paths: ArgumentProfile['paths'] = before?.paths ?? {}
    for (const each of brought.observations[at] ?? [])
      paths = addPaths(paths, pathsOf(brought.isPrivate[at] ? withoutTexts(each) : each))
    sums.set(key, { ...place, ...(before ? joinCounts(before, counts) : counts), paths })
  }
}

function joined(sum: Place & ArgumentProfile, before: ArgumentProfile | undefined): Place & ArgumentProfile {
  return before ? { ...sum, ...joinCounts(before, sum), paths: addPaths(before.paths, sum.paths) } : sum
}

async function storedProfiles(tx: Tx, places: readonly Place[]): Promise<Map<string, ArgumentProfile>> {
  const asked = places.map(({ agentId, serverId, tool, week }) => ({ agentId, serverId, tool, week }))
  const [read] = await tx.$queryRaw<{ stored: string | null }[]>`
    select json_agg(json_build_object('agentId', p."agentId", 'serverId', p."serverId", 'tool', p."tool", 'week', p."week", 'calls', p."calls", 'unknown', p."unknown",
      'known', p."known", 'firstAt', p."firstAt", 'paths', p."paths"))::text as "stored"
    from json_to_recordset(${JSON.stringify(asked)}::json) as w("agentId" text, "serverId" text, "tool" text, "week" date)
    join "ArgumentProfile" p on p."agentId" = w."agentId" and p."week" = w."week" and p."serverId" = w."serverId" and p."tool" = w."tool"`
  const rows = JSON.parse(read?.stored ?? '[]') as (Place & Omit<ArgumentProfile, 'firstAt'> & { firstAt: string })[]
  return new Map(rows.map(({ firstAt, ...row }) => [keyOf(row), { ...row, firstAt: new Date(firstAt) }]))
}

async function writeProfiles(tx: Tx, rows: readonly (Place & ArgumentProfile)[]): Promise<void> {
  await tx.$executeRaw`
    insert into "ArgumentProfile" ("agentId", "serverId", "tool", "week", "calls", "unknown", "known", "firstAt", "paths")
    select * from json_to_recordset(${JSON.stringify(rows)}::json)
      as r("agentId" text, "serverId" text, "tool" text, "week" date, "calls" int, "unknown" int, "known" int, "firstAt" timestamptz, "paths" json)
    on conflict ("agentId", "week", "serverId", "tool") do update set "calls" = excluded."calls", "unknown" = excluded."unknown", "known" = excluded."known",
      "firstAt" = excluded."firstAt", "paths" = excluded."paths"`
}

/** Sorts as the primary key does. */
function keyOf({ agentId, week, serverId, tool }: Place): string {
  return `${agentId}\n${week}\n${serverId}\n${tool}`
}
