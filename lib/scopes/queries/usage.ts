import { z } from 'zod'
import { authorize, type Ctx, reader } from '#lib/auth/ctx.ts'
import { DomainError } from '#lib/core/errors.ts'
import { Prisma } from '#lib/db/generated/client.ts'
import { agentNotFound } from '#lib/registry/queries.ts'
import { type AgentStatus, methodPrefix, type ToolClass } from '#lib/registry/schema.ts'
import { calledSql, coveredSql, heldSql, pendingSql, since, usageOfAgents } from './grant-calls.ts'
import {
  type GrantUsage,
  type GrantUsageQuery,
  grantUsageQuery,
  type UnusedGrant,
  type UnusedGrantList,
  type UnusedGrantsQuery,
} from '../schema/usage.ts'

const dayMs = 86_400_000

/** Which of the grants that an agent holds its calls needed over the last days, from the traffic that the audit log adds up to. Needs `agents:read`; throws `not_found`. */
export async function grantUsage(ctx: Ctx, input: GrantUsageQuery): Promise<GrantUsage[]> {
  authorize(ctx, 'agents:read')
  const { agentId, days, conditionCalls, conditionDays } = grantUsageQuery.parse(input)
  if (!(await reader(ctx).agent.findUnique({ where: { id: agentId }, select: { id: true } })))
    throw agentNotFound(agentId)
  const bar = { calls: conditionCalls, days: conditionDays }
  return (await usageOfAgents(ctx, { agentIds: [agentId], days, bar })).get(agentId) ?? []
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
    with pending as materialized (${pendingSql(Prisma.sql`e."agentId" is not null`)})
    select g."id" as "grantId", g."serverId", g."class"::text as "class", g."toolName", g."createdAt", g."expiresAt",
      a."id" as "agentId", a."name" as "agentName", a."status"::text as "status", o."id" as "ownerId", o."name" as "ownerName",
      p."id" as "accountableId", p."name" as "accountableName", (
        select max(d."lastAt") from ${calledSql} d left join "McpTool" t on t."serverId" = d."serverId" and t."name" = d."tool"
        where d."agentId" = g."agentId" and d."serverId" = g."serverId" and ${coveredSql}
      ) as "lastUsedAt"
    from "Grant" g join "Agent" a on a."id" = g."agentId" join "Team" o on o."id" = a."ownerTeamId"
      join "Person" p on p."id" = a."accountablePersonId"
    where ${heldSql(ctx.now)} and a."status" <> 'retired' and g."createdAt" <= ${new Date(ctx.now.getTime() - days * dayMs)}
      and (g."toolName" is null or g."toolName" not like ${`${methodPrefix}%`})
      and ${ownerTeamId === undefined ? Prisma.sql`true` : Prisma.sql`a."ownerTeamId" = ${ownerTeamId}`}
      and ${cursor === undefined ? Prisma.sql`true` : Prisma.sql`g."id" > ${cursor}::uuid`}
      and not exists (
        select 1 from ${calledSql} d left join "McpTool" t on t."serverId" = d."serverId" and t."name" = d."tool"
        where d."agentId" = g."agentId" and d."day" >= ${since(ctx.now, days)}::date and d."serverId" = g."serverId" and ${coveredSql})
    order by g."id" limit ${limit + 1}`
  const items = rows.slice(0, limit).map(unusedOf)
  return { items, days, nextCursor: rows.length > limit ? (items.at(-1)?.grantId ?? null) : null }
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
  accountableId: string
  accountableName: string
  lastUsedAt: Date | null
}

function unusedOf(row: UnusedRow): UnusedGrant {
  return {
    grantId: row.grantId,
    agent: { id: row.agentId, name: row.agentName, status: row.status },
    owner: { id: row.ownerId, name: row.ownerName },
    accountable: { id: row.accountableId, name: row.accountableName },
    serverId: row.serverId,
    class: row.class,
    toolName: row.toolName,
    createdAt: row.createdAt.toISOString(),
    expiresAt: row.expiresAt?.toISOString() ?? null,
    lastUsedAt: row.lastUsedAt?.toISOString() ?? null,
  }
}
