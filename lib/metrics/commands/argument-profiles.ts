import type { Tx } from '#lib/db/client.ts'
import { Prisma } from '#lib/db/generated/client.ts'
import { joinPaths, joinProfiles, pathsOf } from '#lib/registry/rules/argument-profile.ts'
import type { ArgumentObservation, ArgumentProfile } from '#lib/registry/schema/argument-profile.ts'

/**
 * Adds what the arguments of calls in a part of the audit log were like to the profile of each agent, tool and week, and forgets it of the single calls. Every call is counted, whether
 * its arguments are known or not, so that nobody takes a profile for whole that is not. In the transaction of the traffic, which one worker at a time writes.
 */
export async function addToProfiles(tx: Tx, { after, upTo }: { after: bigint; upTo: bigint }): Promise<void> {
  const brought = await tx.$queryRaw<Brought[]>`
    with forgotten as (
      delete from "ArgumentObservation" o using "AuditEvent" e where e."id" = o."eventId" and e."seq" > ${after} and e."seq" <= ${upTo}
      returning o."eventId", o."facts"
    )
    select e."agentId", e."serverId", e."tool", to_char(date_trunc('week', e."at", 'UTC') at time zone 'UTC', 'YYYY-MM-DD') as "week",
      s."dataClasses" && array['personal', 'health', 'credentials'] as "isPrivate",
      (count(*) filter (where ${countedSql}))::int as "calls", (count(*) filter (where ${countedSql} and o."eventId" is null))::int as "unknown", count(o."eventId")::int as "known",
      min(e."at") as "firstAt", '[' || string_agg(o."facts"::text, ',') || ']' as "observations"
    from "AuditEvent" e join "McpServer" s on s."id" = e."serverId"
    join "McpTool" t on t."serverId" = e."serverId" and t."name" = e."tool"
    left join forgotten o on o."eventId" = e."id"
    where e."seq" > ${after} and e."seq" <= ${upTo} and e."event" = 'mcp.call_allowed' and e."agentId" is not null
    group by 1, 2, 3, 4, 5`
  if (brought.length === 0) return
  const stored = await storedProfiles(tx, brought)
  const rows = brought.map((each) => {
    const before = stored.get(keyOf(each))
    const { agentId, serverId, tool, week } = each
    const profile = before ? joinProfiles(before, profileIn(each)) : profileIn(each)
    return { agentId, serverId, tool, week, ...profile }
  })
  await tx.$executeRaw`
    insert into "ArgumentProfile" ("agentId", "serverId", "tool", "week", "calls", "unknown", "known", "firstAt", "paths")
    select * from json_to_recordset(${JSON.stringify(rows)}::json)
      as r("agentId" text, "serverId" text, "tool" text, "week" date, "calls" int, "unknown" int, "known" int, "firstAt" timestamptz, "paths" json)
    on conflict ("agentId", "week", "serverId", "tool") do update set "calls" = excluded."calls", "unknown" = excluded."unknown", "known" = excluded."known",
      "firstAt" = excluded."firstAt", "paths" = excluded."paths"`
}

/** Events that are calls of their own, as traffic counts them. */
export const countedSql = Prisma.sql`e."event" = 'mcp.call_allowed' and e."detail"->>'outcome' in ('ok', 'tool_error', 'upstream_error', 'aborted', 'streamed')`

type Place = { agentId: string; serverId: string; tool: string; week: string }
type Brought = Place & Omit<ArgumentProfile, 'paths'> & { isPrivate: boolean; observations: string | null }

function profileIn({ calls, unknown, known, firstAt, observations, isPrivate }: Brought): ArgumentProfile {
  // Written by brokers as these very types.
  const observed = JSON.parse(observations ?? '[]') as ArgumentObservation[]
  const paths = observed.map((each) => pathsOf(isPrivate ? withoutTexts(each) : each))
  // Nothing joined with something is something that is left out: so from the first on.
  return { calls, unknown, known, firstAt, paths: paths.length === 0 ? {} : paths.reduce(joinPaths) }
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
  const rows = await tx.$queryRaw<(Place & ArgumentProfile)[]>`
    select p."agentId", p."serverId", p."tool", w."week", p."calls", p."unknown", p."known", p."firstAt", p."paths"
    from unnest(${places.map(({ agentId }) => agentId)}::text[], ${places.map(({ serverId }) => serverId)}::text[],
      ${places.map(({ tool }) => tool)}::text[], ${places.map(({ week }) => week)}::text[]) as w("agentId", "serverId", "tool", "week")
    join "ArgumentProfile" p on p."agentId" = w."agentId" and p."week" = w."week"::date and p."serverId" = w."serverId" and p."tool" = w."tool"`
  return new Map(
    rows.map(({ agentId, serverId, tool, week, ...profile }) => [keyOf({ agentId, serverId, tool, week }), profile]),
  )
}

function keyOf({ agentId, serverId, tool, week }: Place): string {
  return JSON.stringify([agentId, serverId, tool, week])
}
