import type { Tx } from '#lib/db/client.ts'
import { Prisma } from '#lib/db/generated/client.ts'
import { addPaths, joinCounts, pathsOf } from '#lib/registry/rules/argument-profile.ts'
import type { ArgumentObservation, ArgumentProfile } from '#lib/registry/schema/argument-profile.ts'

/**
 * Adds what the arguments of calls in a part of the audit log were like to the profile of each agent, tool and week, and forgets it of the single calls. Every call is counted, whether
 * its arguments are known or not, so that nobody takes a profile for whole that is not. In the transaction of the traffic, which one worker at a time writes; `meanwhile` is what the
 * database does while they are added up here.
 */
export async function addToProfiles(
  tx: Tx,
  { after, upTo, meanwhile }: { after: bigint; upTo: bigint; meanwhile: () => Promise<unknown> },
): Promise<void> {
  const brought = await broughtBetween(tx, { after, upTo })
  const stored = await storedProfiles(tx, brought)
  const working = meanwhile()
  // Its failure is told below.
  working.catch(() => {})
  const rows: (Place & ArgumentProfile)[] = []
  for (const each of brought) {
    // The statement is on its way before the processor is taken.
    if (rows.length % 500 === 0) await new Promise((resolve) => setImmediate(resolve))
    rows.push(joined(each, stored.get(keyOf(each))))
  }
  await working
  if (rows.length === 0) return
  await tx.$executeRaw`
    insert into "ArgumentProfile" ("agentId", "serverId", "tool", "week", "calls", "unknown", "known", "firstAt", "paths")
    select * from json_to_recordset(${JSON.stringify(rows)}::json)
      as r("agentId" text, "serverId" text, "tool" text, "week" date, "calls" int, "unknown" int, "known" int, "firstAt" timestamptz, "paths" json)
    order by 1, 4, 2, 3
    on conflict ("agentId", "week", "serverId", "tool") do update set "calls" = excluded."calls", "unknown" = excluded."unknown", "known" = excluded."known",
      "firstAt" = excluded."firstAt", "paths" = excluded."paths"`
}

/** As one JSON: a row of its own for each would take longer to read than to add up. */
async function broughtBetween(tx: Tx, { after, upTo }: { after: bigint; upTo: bigint }): Promise<Brought[]> {
  const [read] = await tx.$queryRaw<{ brought: string | null }[]>`
    with forgotten as (
      delete from "ArgumentObservation" o using "AuditEvent" e where e."id" = o."eventId" and e."seq" > ${after} and e."seq" <= ${upTo}
      returning o."eventId", o."facts"
    ), brought as (
      select e."agentId", e."serverId", e."tool", to_char(date_trunc('week', e."at", 'UTC') at time zone 'UTC', 'YYYY-MM-DD') as "week",
        (count(*) filter (where ${countedSql}))::int as "calls", (count(*) filter (where ${countedSql} and o."eventId" is null))::int as "unknown",
        count(o."eventId")::int as "known", min(e."at") as "firstAt", json_agg(o."facts") filter (where o."eventId" is not null) as "observations"
      from "AuditEvent" e
      left join forgotten o on o."eventId" = e."id"
      where e."seq" > ${after} and e."seq" <= ${upTo} and e."event" = 'mcp.call_allowed' and e."agentId" is not null
      group by 1, 2, 3, 4
    )
    select json_agg(json_build_object('agentId', b."agentId", 'serverId', b."serverId", 'tool', b."tool", 'week', b."week", 'calls', b."calls", 'unknown', b."unknown",
      'known', b."known", 'firstAt', b."firstAt", 'observations', b."observations", 'isPrivate', s."dataClasses" && array['personal', 'health', 'credentials']))::text as "brought"
    from brought b join "McpServer" s on s."id" = b."serverId"
    join "McpTool" t on t."serverId" = b."serverId" and t."name" = b."tool"`
  const brought = JSON.parse(read?.brought ?? '[]') as (Omit<Brought, 'firstAt'> & { firstAt: string })[]
  return brought.map((each) => ({ ...each, firstAt: new Date(each.firstAt) }))
}

/** Events that are calls of their own, as traffic counts them. */
export const countedSql = Prisma.sql`e."event" = 'mcp.call_allowed' and e."detail"->>'outcome' in ('ok', 'tool_error', 'upstream_error', 'aborted', 'streamed')`

type Place = { agentId: string; serverId: string; tool: string; week: string }
/** `observations`: as brokers have written them. */
type Brought = Place &
  Omit<ArgumentProfile, 'paths'> & { isPrivate: boolean; observations: ArgumentObservation[] | null }

function joined(brought: Brought, before: ArgumentProfile | undefined): Place & ArgumentProfile {
  const { agentId, serverId, tool, week, observations, isPrivate } = brought
  let paths: ArgumentProfile['paths'] = before?.paths ?? {}
  for (const each of observations ?? []) paths = addPaths(paths, pathsOf(isPrivate ? withoutTexts(each) : each))
  const { calls, unknown, known, firstAt } = before ? joinCounts(before, brought) : brought
  return { agentId, serverId, tool, week, calls, unknown, known, firstAt, paths }
}

/** Where people's data or credentials are, a text that looks harmless may be one of them. */
function withoutTexts(observation: ArgumentObservation): ArgumentObservation {
  return Object.fromEntries(
    Object.entries(observation).map(([pointer, { values }]) => [
      pointer,
      values?.every((value) => typeof value !== 'string') ? { values } : {},
    ]),
  )
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

function keyOf({ agentId, serverId, tool, week }: Place): string {
  return JSON.stringify([agentId, serverId, tool, week])
}
