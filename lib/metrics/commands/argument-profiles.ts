import { countedCallsSql } from '#lib/audit/queries/counted-calls.ts'
import type { Tx } from '#lib/db/client.ts'
import {
  addPaths,
  joinCounts,
  pathsOf,
  privateDataClasses,
  withoutTexts,
} from '#lib/registry/rules/argument-profile.ts'
import type { ArgumentObservation, ArgumentProfile } from '#lib/registry/schema/argument-profile.ts'

/** Audit events of which what arguments were like is read at once: as one text, which a database makes of so many bytes only, whatever is in it. */
const pageMax = 20_000
/** Profiles that are written at once, for the same reason. */
const writtenMax = 5_000

/**
 * Adds what the arguments of calls in a part of the audit log were like to the profile of each agent, tool and week, and forgets it of the single calls. Every call is counted, whether
 * its arguments are known or not, so that nobody takes a profile for whole that is not. In the transaction of the traffic, which one worker at a time writes; `meanwhile` is what the
 * database does while the last of them are added up here.
 */
export async function addToProfiles(
  tx: Tx,
  { after, upTo, meanwhile }: { after: bigint; upTo: bigint; meanwhile: () => Promise<unknown> },
): Promise<void> {
  const sums = new Map<string, Place & ArgumentProfile>()
  let working: Promise<unknown> = Promise.resolve()
  let reading = broughtBetween(tx, pageAfter(after, upTo))
  for (let from = after; from < upTo;) {
    const { upTo: to } = pageAfter(from, upTo)
    const brought = await reading
    // The next statement is on its way before the processor is taken; its failure is told when it is waited for.
    if (to < upTo) reading = broughtBetween(tx, pageAfter(to, upTo))
    else working = forgetObservations(tx, { after, upTo }).then(meanwhile)
    reading.catch(() => {})
    working.catch(() => {})
    await addUp(sums, brought)
    from = to
  }
  await working
  const rows = [...sums.values()].toSorted(byKey)
  const stored = await storedProfiles(tx, rows)
  for (let at = 0; at < rows.length; at += writtenMax) {
    await writeProfiles(
      tx,
      rows.slice(at, at + writtenMax).map((row) => joined(row, stored.get(keyOf(row)))),
    )
  }
}

function pageAfter(after: bigint, upTo: bigint): { after: bigint; upTo: bigint } {
  const end = after + BigInt(pageMax)
  return { after, upTo: end < upTo ? end : upTo }
}

/** As one JSON: a row of its own for each would take longer to read than to add up. */
async function broughtBetween(tx: Tx, { after, upTo }: { after: bigint; upTo: bigint }): Promise<Brought[]> {
  const [read] = await tx.$queryRaw<{ brought: string | null }[]>`
    with brought as (
      select e."agentId", e."serverId", e."tool", to_char(date_trunc('week', e."at", 'UTC') at time zone 'UTC', 'YYYY-MM-DD') as "week",
        (count(*) filter (where ${countedCallsSql}))::int as "calls", (count(*) filter (where ${countedCallsSql} and o."eventId" is null))::int as "unknown",
        count(o."eventId")::int as "known", min(e."at") as "firstAt", json_agg(o."facts") filter (where o."eventId" is not null) as "observations"
      from "AuditEvent" e
      left join "ArgumentObservation" o on o."eventId" = e."id"
      where e."seq" > ${after} and e."seq" <= ${upTo} and e."event" = 'mcp.call_allowed' and e."agentId" is not null
      group by 1, 2, 3, 4
    )
    select json_agg(json_build_object('agentId', b."agentId", 'serverId', b."serverId", 'tool', b."tool", 'week', b."week", 'calls', b."calls", 'unknown', b."unknown",
      'known', b."known", 'firstAt', b."firstAt", 'observations', b."observations", 'isPrivate', s."dataClasses" && ${[...privateDataClasses]}::text[]))::text as "brought"
    from brought b join "McpServer" s on s."id" = b."serverId"
    join "McpTool" t on t."serverId" = b."serverId" and t."name" = b."tool"`
  const brought = JSON.parse(read?.brought ?? '[]') as (Omit<Brought, 'firstAt'> & { firstAt: string })[]
  return brought.map((each) => ({ ...each, firstAt: new Date(each.firstAt) }))
}

async function forgetObservations(tx: Tx, { after, upTo }: { after: bigint; upTo: bigint }): Promise<void> {
  await tx.$executeRaw`
    delete from "ArgumentObservation" o using "AuditEvent" e where e."id" = o."eventId" and e."seq" > ${after} and e."seq" <= ${upTo}`
}

type Place = { agentId: string; serverId: string; tool: string; week: string }
/** `observations`: as brokers have written them. */
type Brought = Place &
  Omit<ArgumentProfile, 'paths'> & { isPrivate: boolean; observations: ArgumentObservation[] | null }

async function addUp(sums: Map<string, Place & ArgumentProfile>, brought: readonly Brought[]): Promise<void> {
  for (const [index, { observations, isPrivate, ...counts }] of brought.entries()) {
    // Others have their turn, and the statement goes out.
    if (index % 500 === 0) await new Promise((resolve) => setImmediate(resolve))
    const before = sums.get(keyOf(counts))
    let paths: ArgumentProfile['paths'] = before?.paths ?? {}
    for (const each of observations ?? []) paths = addPaths(paths, pathsOf(isPrivate ? withoutTexts(each) : each))
    sums.set(keyOf(counts), { ...counts, ...(before && joinCounts(before, counts)), paths })
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

function keyOf({ agentId, week, serverId, tool }: Place): string {
  return `${agentId}\n${week}\n${serverId}\n${tool}`
}

function byKey(a: Place, b: Place): number {
  return keyOf(a) < keyOf(b) ? -1 : 1
}
