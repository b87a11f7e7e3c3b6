import { authorize, type Ctx, reader } from '#lib/auth/ctx.ts'
import { Prisma } from '#lib/db/generated/client.ts'
import { conditionsOf, whereSql } from '../filter-sql.ts'
import { type AgentFacets, type AgentListInput, agentListQuery } from '../schema.ts'

const facetKeys = ['status', 'owner', 'tier', 'template'] as const
type FacetKey = (typeof facetKeys)[number]

/** Counts by value for the filter panel; each facet leaves its own filter out. Needs `agents:read`. */
export async function agentFacets(ctx: Ctx, input: AgentListInput = {}): Promise<AgentFacets> {
  authorize(ctx, 'agents:read')
  const conditions = conditionsOf(agentListQuery.parse(input))
  const counted = await Promise.all(
    facetKeys.map(async (facet) => {
      const others = { ...conditions, clauses: conditions.clauses.filter(({ key }) => key !== facet) }
      const { value, label } = facetSql[facet]
      const rows = await reader(ctx).$queryRaw<{ value: string; label: string; count: bigint }[]>(
        Prisma.sql`select ${value} as value, min(${label}) as label, count(*) as count
          from "Agent" a join "Team" t on t."id" = a."ownerTeamId"
          join "AgentVersion" v on v."agentId" = a."id" and v."version" = a."currentVersion"
          left join "Template" template on template."id" = v."templateId"
          where ${whereSql(others, ctx.now)} group by 1 order by 3 desc, 1`,
      )
      return [facet, rows.map((row) => ({ ...row, count: Number(row.count) }))] as const
    }),
  )
  return Object.fromEntries(counted) as AgentFacets
}

const facetSql: Record<FacetKey, { value: Prisma.Sql; label: Prisma.Sql }> = {
  status: { value: Prisma.sql`a."status"::text`, label: Prisma.sql`a."status"::text` },
  owner: { value: Prisma.sql`a."ownerTeamId"`, label: Prisma.sql`t."name"` },
  tier: { value: Prisma.sql`a."tier"::text`, label: Prisma.sql`a."tier"::text` },
  template: { value: Prisma.sql`v."templateId"`, label: Prisma.sql`coalesce(template."name", v."templateId")` },
}
