import { z } from 'zod'
import { authorize, type Ctx, reader } from '#lib/auth/ctx.ts'
import { DomainError } from '#lib/core/errors.ts'
import { Prisma } from '#lib/db/generated/client.ts'
import { agentNotFound } from '#lib/registry/queries.ts'
import { type AgentStatus, methodPrefix, type ToolClass } from '#lib/registry/schema.ts'
import {
  callsToProposeMin,
  type GrantUsage,
  type GrantUsageQuery,
  type UnusedGrant,
  type UnusedGrantList,
  type UnusedGrantsQuery,
} from '../schema/usage.ts'

const dayMs = 86_400_000

/** Which of the grants that an agent holds its calls needed over the last days, from the traffic that the audit log adds up to. Needs `agents:read`; throws `not_found`. */
export async function grantUsage(ctx: Ctx, { agentId, days }: GrantUsageQuery): Promise<GrantUsage[]> {
  authorize(ctx, 'agents:read')
  if (!(await reader(ctx).agent.findUnique({ where: { id: agentId }, select: { id: true } })))
    throw agentNotFound(agentId)
  const rows = await reader(ctx).$queryRaw<UsageRow[]>`
    select g."id" as "grantId", g."serverId", g."class"::text as "class", g."toolName", g."createdAt", g."rateCalls" is not null as "rated",
      (select count(*) from "McpTool" t where t."serverId" = g."serverId" and t."state" = 'approved' and t."class" <= g."class")::int as "reached",
      coalesce(used."tools", '[]'::json) as "tools", used."lastUsedAt"
    from "Grant" g
    left join lateral (
      select json_agg(json_build_object('tool', u."tool", 'class', u."class", 'calls', u."calls") order by u."calls" desc, u."tool") as "tools",
        max(u."lastAt") as "lastUsedAt"
      from (
        select d."tool", t."class", sum(d."calls")::int as "calls", max(d."lastAt") as "lastAt"
        from "AgentToolDay" d left join "McpTool" t on t."serverId" = d."serverId" and t."name" = d."tool"
        where d."agentId" = g."agentId" and d."day" >= ${since(ctx.now, days)}::date and d."serverId" = g."serverId" and ${coveredSql}
        group by 1, 2
      ) u
    ) used on true
    where g."agentId" = ${agentId} and ${heldSql(ctx.now)}
    order by g."serverId", g."class", g."toolName" nulls first, g."id"`
  return rows.map((row) => usageOf(row, { now: ctx.now, days }))
}

/**
 * Grants that are held, by agents that are not retired, that no call needed over the last days and that are older than that; a page at a time. Grants of what a server may ask are
 * left out, for their use is not counted. Needs `agents:read`; throws `invalid` for a cursor that was altered.
 */
export async function unusedGrants(ctx: Ctx, query: UnusedGrantsQuery): Promise<UnusedGrantList> {
  authorize(ctx, 'agents:read')
  const { days, ownerTeamId, limit, cursor } = query
  if (cursor !== undefined && !z.uuid().safeParse(cursor).success) {
    throw new DomainError('invalid', 'This page link is damaged. Start from the first page.', { field: 'cursor' })
  }
  const rows = await reader(ctx).$queryRaw<UnusedRow[]>`
    select g."id" as "grantId", g."serverId", g."class"::text as "class", g."toolName", g."createdAt", g."expiresAt",
      a."id" as "agentId", a."name" as "agentName", a."status"::text as "status", o."id" as "ownerId", o."name" as "ownerName", (
        select max(d."lastAt") from "AgentToolDay" d left join "McpTool" t on t."serverId" = d."serverId" and t."name" = d."tool"
        where d."agentId" = g."agentId" and d."serverId" = g."serverId" and ${coveredSql}
      ) as "lastUsedAt"
    from "Grant" g join "Agent" a on a."id" = g."agentId" join "Team" o on o."id" = a."ownerTeamId"
    where ${heldSql(ctx.now)} and a."status" <> 'retired' and g."createdAt" <= ${new Date(ctx.now.getTime() - days * dayMs)}
      and (g."toolName" is null or g."toolName" not like ${`${methodPrefix}%`})
      and ${ownerTeamId === undefined ? Prisma.sql`true` : Prisma.sql`a."ownerTeamId" = ${ownerTeamId}`}
      and ${cursor === undefined ? Prisma.sql`true` : Prisma.sql`g."id" > ${cursor}::uuid`}
      and not exists (
        select 1 from "AgentToolDay" d left join "McpTool" t on t."serverId" = d."serverId" and t."name" = d."tool"
        where d."agentId" = g."agentId" and d."day" >= ${since(ctx.now, days)}::date and d."serverId" = g."serverId" and ${coveredSql})
    order by g."id" limit ${limit + 1}`
  const items = rows.slice(0, limit).map(unusedOf)
  return { items, days, nextCursor: rows.length > limit ? (items.at(-1)?.grantId ?? null) : null }
}

/** Whether calls of a day `d` to a tool `t` are covered by a grant `g`; methods of MCP, which are no tools, by one of the whole server. */
const coveredSql = Prisma.sql`d."calls" > 0 and case when t."name" is null then g."toolName" is null and d."tool" <> ''
  else t."class" <= g."class" and (g."toolName" is null or g."toolName" = d."tool") end`

/** Neither revoked nor expired, whether its server and tool can be called just now or not. */
function heldSql(now: Date): Prisma.Sql {
  return Prisma.sql`g."revokedAt" is null and (g."expiresAt" is null or g."expiresAt" > ${now})`
}

/** The first UTC day that is looked at. */
function since(now: Date, days: number): string {
  return new Date(now.getTime() - days * dayMs).toISOString().slice(0, 10)
}

type UsageRow = {
  grantId: string
  serverId: string
  class: ToolClass
  toolName: string | null
  createdAt: Date
  rated: boolean
  reached: number
  tools: GrantUsage['tools']
  lastUsedAt: Date | null
}

function usageOf(row: UsageRow, { now, days }: { now: Date; days: number }): GrantUsage {
  const { grantId, serverId, class: toolClass, toolName, tools, lastUsedAt } = row
  const calls = tools.reduce((sum, tool) => sum + tool.calls, 0)
  const isYoung = row.createdAt.getTime() > now.getTime() - days * dayMs
  const isCounted = !toolName?.startsWith(methodPrefix)
  const verdict = calls > 0 ? 'used' : isYoung || !isCounted ? 'insufficient_data' : 'unused'
  // Methods of MCP need the whole server; a grant of one tool is as narrow as it gets.
  const narrows = toolName === null && calls >= callsToProposeMin && tools.every((tool) => tool.class !== null)
  const names = tools.map(({ tool }) => tool)
  // A rate is kept for each grant: several would allow more.
  const keepsRate = !row.rated || names.length === 1
  const narrower = narrows && keepsRate && !isYoung && names.length < row.reached ? names : null
  return {
    grantId,
    serverId,
    class: toolClass,
    toolName,
    verdict,
    calls,
    lastUsedAt: lastUsedAt?.toISOString() ?? null,
    tools,
    narrower,
  }
}

type UnusedRow = {
  grantId: string
  serverId: string
  class: ToolClass
  toolName: string | null
  createdAt: Date
  expiresAt: Date | null
  agentId: string
  agentName: string
  status: AgentStatus
  ownerId: string
  ownerName: string
  lastUsedAt: Date | null
}

function unusedOf(row: UnusedRow): UnusedGrant {
  return {
    grantId: row.grantId,
    agent: { id: row.agentId, name: row.agentName, status: row.status },
    owner: { id: row.ownerId, name: row.ownerName },
    serverId: row.serverId,
    class: row.class,
    toolName: row.toolName,
    createdAt: row.createdAt.toISOString(),
    expiresAt: row.expiresAt?.toISOString() ?? null,
    lastUsedAt: row.lastUsedAt?.toISOString() ?? null,
  }
}
