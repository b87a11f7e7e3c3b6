import { storable } from '#lib/core/storable.ts'
import type { Tx } from '#lib/db/client.ts'
import type { KnownTool, ListingJudgement } from '../rules/tool-listing.ts'
import type { ToolVerdict } from '../rules/tool-change.ts'
import type { ToolFinding } from '../rules/tool-findings.ts'
import type { ListedTool } from '../schema.ts'

/** A tool as it is listed, what was known of it, and what becomes of it. */
export type JudgedTool = ListingJudgement & { tool: ListedTool; hash: string; known: KnownTool | null }

export type ToolRow = Awaited<ReturnType<typeof rowsOf>>[number]

/** Of which server, who saw it, and when. */
type Place = { serverId: string; seenBy: string; at: Date }

/** The named tools of a server, by name. */
export async function readTools(
  tx: Tx,
  { serverId, names }: { serverId: string; names: readonly string[] },
): Promise<Map<string, ToolRow>> {
  if (names.length === 0) return new Map()
  const rows = await rowsOf(tx, serverId, names)
  return new Map(rows.map((row) => [row.name, row]))
}

async function rowsOf(tx: Tx, serverId: string, names: readonly string[]) {
  return await tx.mcpTool.findMany({
    where: { serverId, name: { in: [...names] } },
    select: {
      name: true,
      title: true,
      description: true,
      inputSchema: true,
      annotations: true,
      class: true,
      classSource: true,
      state: true,
      definition: true,
      definitionHash: true,
      approvedHash: true,
      approvedDefinition: true,
      rejectedHash: true,
    },
  })
}

export function knownTool(row: ToolRow): KnownTool {
  const shown = row.approvedHash !== null || row.state === 'approved'
  return {
    class: row.class,
    classSource: row.classSource,
    rejectedHash: row.rejectedHash,
    approved: shown
      ? {
          hash: row.approvedHash ?? row.definitionHash,
          definition: (row.approvedDefinition ?? definitionOf(row)) as NonNullable<KnownTool['approved']>['definition'],
        }
      : null,
  }
}

function definitionOf({ definition, ...row }: ToolRow): object {
  if (definition !== null) return definition as object
  const { name, title, description, inputSchema, annotations } = row
  return { name, ...(title === null ? {} : { title }), description, inputSchema, annotations }
}

/** Keeps what is listed, each in its row and as an entry of its history, in their order. */
export async function writeListings(
  tx: Tx,
  { serverId, seenBy, at, listings }: Place & { listings: readonly JudgedTool[] },
): Promise<void> {
  if (listings.length === 0) return
  // The database takes no NUL and no half of a pair; the hash is of what the server said.
  const rows = listings.map(({ tool, hash, known, verdict, findings, state, class: toolClass }) => ({
    definition: storable(tool),
    findings: storable(findings),
    hash,
    class: toolClass,
    state,
    verdict,
    comparedHash: known?.approved?.hash ?? null,
    approvedHash: known ? (known.approved?.hash ?? null) : state === 'approved' ? hash : null,
    approvedDefinition: known ? (known.approved?.definition ?? null) : null,
  }))
  await tx.$executeRaw`
    with listed as materialized (
      select l.*, l."definition"->>'name' as "name" from rows from (jsonb_to_recordset(${JSON.stringify(rows)}::jsonb) as (
        "definition" jsonb, "findings" jsonb, "hash" text, "class" "ToolClass", "state" "ToolState", "verdict" text,
        "comparedHash" text, "approvedHash" text, "approvedDefinition" jsonb
      )) with ordinality as l("definition", "findings", "hash", "class", "state", "verdict", "comparedHash", "approvedHash", "approvedDefinition", "position")
    ), kept as (
      insert into "McpTool" as t ("serverId", "name", "title", "description", "inputSchema", "annotations", "class", "state", "verdict",
        "findings", "definitionHash", "definition", "approvedHash", "approvedDefinition", "firstSeenAt", "lastSeenAt")
      select ${serverId}, "name", "definition"->>'title', coalesce("definition"->>'description', ''), "definition"->'inputSchema',
        coalesce("definition"->'annotations', '{}'), "class", "state", "verdict", "findings", "hash", "definition", "approvedHash",
        case when "approvedHash" is not null then coalesce("approvedDefinition", "definition") end, ${at}::timestamptz, ${at}::timestamptz
      from listed order by "position"
      on conflict ("serverId", "name") do update set
        "title" = excluded."title", "description" = excluded."description", "inputSchema" = excluded."inputSchema",
        "annotations" = excluded."annotations", "class" = excluded."class", "state" = excluded."state", "verdict" = excluded."verdict",
        "findings" = excluded."findings", "definitionHash" = excluded."definitionHash", "definition" = excluded."definition",
        "approvedHash" = excluded."approvedHash", "approvedDefinition" = excluded."approvedDefinition", "lastSeenAt" = excluded."lastSeenAt"
    )
    insert into "ToolRevision" ("serverId", "toolName", "definitionHash", "definition", "comparedHash", "verdict", "findings", "class",
      "state", "seenBy", "seenAt")
    select ${serverId}, "name", "hash", "definition", "comparedHash", "verdict", "findings", "class", "state", ${seenBy}, ${at}::timestamptz
    from listed order by "position"`
}

/** Keeps another state of tools that say nothing new: their definitions and approvals stay. */
export async function writeState(
  tx: Tx,
  options: Place & {
    names: readonly string[]
    state: 'removed' | 'quarantined'
    verdict: ToolVerdict | 'removed'
    findings: readonly ToolFinding[]
  },
): Promise<void> {
  const { serverId, seenBy, at, names, state, verdict, findings } = options
  if (names.length === 0) return
  await tx.$executeRaw`
    with known as materialized (
      select "name", "definitionHash", "class", coalesce("approvedHash", case when "state" = 'approved' then "definitionHash" end) as "approvedHash",
        "approvedDefinition", coalesce("definition", jsonb_build_object('name', "name", 'description', "description",
          'inputSchema', "inputSchema", 'annotations', "annotations")
          || case when "title" is null then '{}' else jsonb_build_object('title', "title") end) as "definition"
      from "McpTool" where "serverId" = ${serverId} and "name" = any(${[...names]}::text[])
    ), kept as (
      update "McpTool" t set "state" = ${state}::"ToolState", "approvedHash" = k."approvedHash",
        "verdict" = case when ${state} = 'removed' then t."verdict" else ${verdict} end,
        "findings" = case when ${state} = 'removed' then t."findings" else ${JSON.stringify(findings)}::jsonb end,
        "approvedDefinition" = case when k."approvedHash" is not null then coalesce(k."approvedDefinition", k."definition") end
      from known k where t."serverId" = ${serverId} and t."name" = k."name"
    )
    insert into "ToolRevision" ("serverId", "toolName", "definitionHash", "definition", "comparedHash", "verdict", "findings", "class",
      "state", "seenBy", "seenAt")
    select ${serverId}, "name", "definitionHash", "definition", "approvedHash", ${verdict}, ${JSON.stringify(findings)}::jsonb, "class",
      ${state}::"ToolState", ${seenBy}, ${at}::timestamptz
    from known order by "name" collate "C"`
}

/** They are listed as they were. */
export async function writeSeen(
  tx: Tx,
  { serverId, at, names }: Pick<Place, 'serverId' | 'at'> & { names: readonly string[] },
): Promise<void> {
  await tx.$executeRaw`
    update "McpTool" set "lastSeenAt" = ${at}::timestamptz where "serverId" = ${serverId} and "name" = any(${[...names]}::text[])`
}
