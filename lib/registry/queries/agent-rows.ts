import { type Ctx, reader } from '#lib/auth/ctx.ts'
import { Prisma } from '#lib/db/generated/client.ts'
import { inForceSql } from '../in-force.ts'
import { measuredSince, measuredSql, measuredView } from '../measured.ts'
import { compareVersions } from '../rules.ts'
import type { AgentRow, AgentStatus, ScopeChip, Tier } from '../schema.ts'

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

function rowsSql(ctx: Ctx, ids: readonly string[]): Prisma.Sql {
  return Prisma.sql`select a."id", a."name", a."purpose", a."ownerTeamId", t."name" as "ownerName", p."id" as "personId", p."name" as "personName",
      p."active" as "personActive", a."tier"::text, a."status"::text, a."currentVersion", v."templateId", v."templateVersion", coalesce(v."rendered"->>'model', '') as "model", a."schedule",
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
  model: string
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
    model: row.model,
    schedule: row.schedule,
    lastReviewedAt: row.lastReviewedAt?.toISOString() ?? null,
    nextReviewAt: row.nextReviewAt?.toISOString() ?? null,
    createdAt: row.createdAt.toISOString(),
    demo: row.demo,
    ...measuredView(row),
    lastRunDay: row.lastRunDay?.toISOString() ?? null,
  }
}
