import { authorize, type Ctx, reader } from '#lib/auth/ctx.ts'
import { Prisma } from '#lib/db/generated/client.ts'
import { type Position, readCursor, writeCursor } from '../cursor.ts'
import { conditionsOf, inForceSql, whereSql } from '../filter-sql.ts'
import { measuredSince, measuredSql, measuredView } from '../measured.ts'
import { compareVersions } from '../rules.ts'
import {
  type AgentList,
  type AgentListInput,
  type AgentListQuery,
  agentListQuery,
  type AgentRow,
  type AgentSort,
  type AgentStatus,
  type ScopeChip,
  type Tier,
} from '../schema.ts'

type Sql = Prisma.Sql

/**
 * The catalog: filtered, sorted and paged on the server, with the count of all matches. Pages are found by position, so agents created or
 * retired meanwhile neither repeat nor skip a row. Needs `agents:read`; throws `invalid` for a query (with its column) or cursor that is wrong.
 */
export async function listAgents(ctx: Ctx, input: AgentListInput = {}): Promise<AgentList> {
  authorize(ctx, 'agents:read')
  const query = agentListQuery.parse(input)
  const where = whereSql(conditionsOf(query), ctx.now)
  const from = readCursor(query)
  const [page, counted] = await Promise.all([
    reader(ctx).$queryRaw<{ id: string; key: string }[]>(pageSql(ctx, { query, where, from })),
    reader(ctx).$queryRaw<{ total: bigint }[]>(
      Prisma.sql`select count(*) as total from "Agent" a join "Team" t on t."id" = a."ownerTeamId" where ${where}`,
    ),
  ])
  const hasMore = page.length > query.limit
  const rows = page.slice(0, query.limit)
  const backward = from?.direction === 'prev'
  if (backward) rows.reverse()
  const first = rows[0]
  const last = rows.at(-1)
  const hasPrev = backward ? hasMore : from !== null
  const hasNext = backward || hasMore
  return {
    items: await agentRows(
      ctx,
      rows.map(({ id }) => id),
    ),
    total: Number(counted[0]?.total ?? 0),
    prevCursor: first && hasPrev ? writeCursor(query, { value: first.key, id: first.id, direction: 'prev' }) : null,
    nextCursor: last && hasNext ? writeCursor(query, { value: last.key, id: last.id, direction: 'next' }) : null,
  }
}

/** Catalog rows of these agents, in the order given; ids that do not exist are left out. */
export async function agentRows(ctx: Ctx, ids: readonly string[]): Promise<AgentRow[]> {
  if (ids.length === 0) return []
  const db = reader(ctx)
  const rows = await db.$queryRaw<RawAgentRow[]>(rowsSql(ctx, ids))
  const versions = await db.templateVersion.findMany({
    where: { templateId: { in: [...new Set(rows.map((row) => row.templateId))] } },
    select: { templateId: true, version: true },
  })
  const byId = new Map(rows.map((row) => [row.id, row]))
  return ids.flatMap((id) => {
    const row = byId.get(id)
    if (!row) return []
    const published = versions.filter(({ templateId }) => templateId === row.templateId)
    const latest = published
      .map(({ version }) => version)
      .toSorted(compareVersions)
      .at(-1)
    return [agentRow(row, latest ?? null)]
  })
}

type SortKey = { sql: Sql; type: Sql; measured?: true }

const textType = Prisma.sql`text`
const intType = Prisma.sql`bigint`
const sortKeys: Record<AgentSort, SortKey> = {
  id: { sql: Prisma.sql`a."id" collate "C"`, type: textType },
  name: { sql: Prisma.sql`lower(a."name") collate "C"`, type: textType },
  owner: { sql: Prisma.sql`lower(t."name") collate "C"`, type: textType },
  status: { sql: Prisma.sql`array_position(enum_range(null::"AgentStatus"), a."status")::bigint`, type: intType },
  tier: { sql: Prisma.sql`array_position(enum_range(null::"Tier"), a."tier")::bigint`, type: intType },
  runs: { sql: Prisma.sql`coalesce(m."runs", 0)`, type: intType, measured: true },
  cost: { sql: Prisma.sql`coalesce(m."costMicros", 0)`, type: intType, measured: true },
  escalation: {
    sql: Prisma.sql`coalesce(round(m."escalatedRuns"::numeric / nullif(m."runs", 0), 9), -1)`,
    type: Prisma.sql`numeric`,
    measured: true,
  },
  reviewed: { sql: Prisma.sql`coalesce((extract(epoch from a."lastReviewedAt") * 1000)::bigint, -1)`, type: intType },
  created: { sql: Prisma.sql`(extract(epoch from a."createdAt") * 1000)::bigint`, type: intType },
}

/** One row more than the page, so that the page knows whether it is the last. */
function pageSql(ctx: Ctx, options: { query: AgentListQuery; where: Sql; from: Position | null }): Sql {
  const { query, where, from } = options
  const key = sortKeys[query.sort]
  const ascending = (query.order === 'asc') === (from?.direction !== 'prev')
  const beyond = from
    ? Prisma.sql`where (key, id) ${ascending ? Prisma.sql`>` : Prisma.sql`<`} (${from.value}::text::${key.type}, ${from.id} collate "C")`
    : Prisma.empty
  const direction = ascending ? Prisma.sql`asc` : Prisma.sql`desc`
  return Prisma.sql`with matched as (
      select a."id" collate "C" as id, ${key.sql} as key
      from "Agent" a join "Team" t on t."id" = a."ownerTeamId" ${key.measured ? measuredSql(measuredSince(ctx.now)) : Prisma.empty}
      where ${where})
    select id, key::text as key from matched ${beyond}
    order by matched.key ${direction}, matched.id ${direction} limit ${query.limit + 1}`
}

function rowsSql(ctx: Ctx, ids: readonly string[]): Sql {
  return Prisma.sql`select a."id", a."name", a."purpose", a."ownerTeamId", t."name" as "ownerName", p."id" as "personId", p."name" as "personName",
      p."active" as "personActive", a."tier"::text, a."status"::text, a."currentVersion", v."templateId", v."templateVersion", a."schedule",
      a."lastReviewedAt", a."nextReviewAt", a."createdAt", a."demo", m.*, scopes.chips,
      (select max(d."day") from "AgentDay" d where d."agentId" = a."id" and d."runs" > 0) as "lastRunDay"
    from "Agent" a
    join "Team" t on t."id" = a."ownerTeamId"
    join "Person" p on p."id" = a."accountablePersonId"
    join "AgentVersion" v on v."agentId" = a."id" and v."version" = a."currentVersion"
    ${measuredSql(measuredSince(ctx.now))}
    left join lateral (
      select jsonb_agg(jsonb_build_object('serverId', g."serverId", 'environment', s."environment", 'class', g."class", 'toolName', g."toolName",
        'expiresAt', to_char(g."expiresAt" at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'))
        order by g."serverId", g."class", g."toolName" nulls first) as chips
      from "Grant" g join "McpServer" s on s."id" = g."serverId"
      where g."agentId" = a."id" and ${inForceSql(ctx.now)}) scopes on true
    where a."id" = any(${ids})`
}

type RawAgentRow = {
  id: string
  name: string
  purpose: string
  ownerTeamId: string
  ownerName: string
  personId: string
  personName: string
  personActive: boolean
  tier: Tier
  status: AgentStatus
  currentVersion: number
  templateId: string
  templateVersion: string
  schedule: string | null
  lastReviewedAt: Date | null
  nextReviewAt: Date | null
  createdAt: Date
  demo: boolean
  runs: bigint | null
  escalatedRuns: bigint | null
  costMicros: bigint | null
  unpricedRequests: bigint | null
  lastRunDay: Date | null
  chips: ScopeChip[] | null
}

function agentRow(row: RawAgentRow, latest: string | null): AgentRow {
  return {
    id: row.id,
    name: row.name,
    purpose: row.purpose,
    owner: { id: row.ownerTeamId, name: row.ownerName },
    accountable: { id: row.personId, name: row.personName, active: row.personActive },
    tier: row.tier,
    status: row.status,
    version: row.currentVersion,
    template: { id: row.templateId, version: row.templateVersion, latest },
    scopes: row.chips ?? [],
    schedule: row.schedule,
    lastReviewedAt: row.lastReviewedAt?.toISOString() ?? null,
    nextReviewAt: row.nextReviewAt?.toISOString() ?? null,
    createdAt: row.createdAt.toISOString(),
    demo: row.demo,
    ...measuredView(row),
    lastRunDay: row.lastRunDay?.toISOString() ?? null,
  }
}
