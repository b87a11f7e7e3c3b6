import { authorize, type Ctx, reader } from '#lib/auth/ctx.ts'
import { Prisma } from '#lib/db/generated/client.ts'
import { grantLimitsSql, reachedToolsSql } from '#lib/registry/queries.ts'
import type { AgentStatus, Environment, Sensitivity, ToolClass } from '#lib/registry/schema.ts'
import type { ArgumentCondition, CallRate } from '#lib/registry/schema/conditions.ts'
import { type GrantListInput, grantListQuery, type GrantView } from '../schema.ts'

/**
 * Grants of an agent or on a server: those that are neither expired nor revoked, or with `history` all of them. Needs `agents:read`.
 * Effective access (`accessOf`) also leaves out disabled servers and quarantined tools.
 */
export async function listGrants(ctx: Ctx, input: GrantListInput): Promise<GrantView[]> {
  authorize(ctx, 'agents:read')
  const query = grantListQuery.parse(input)
  const conditions = [
    ...(query.agentId === undefined ? [] : [Prisma.sql`g."agentId" = ${query.agentId}`]),
    ...(query.serverId === undefined ? [] : [Prisma.sql`g."serverId" = ${query.serverId}`]),
    ...(query.history
      ? []
      : [Prisma.sql`g."revokedAt" is null and (g."expiresAt" is null or g."expiresAt" > ${ctx.now})`]),
  ]
  const where = conditions.length === 0 ? Prisma.sql`true` : Prisma.join(conditions, ' and ')
  const rows = await reader(ctx).$queryRaw<RawGrant[]>(
    Prisma.sql`select g."id", g."serverId", s."name" as "serverName", s."environment"::text, s."sensitivity"::text, g."class"::text, g."toolName",
        ${grantLimitsSql}, g."reason", g."via", g."requestId", g."createdAt", g."expiresAt", g."revokedAt", ${reachedToolsSql} as tools,
        a."id" as "agentId", a."name" as "agentName", a."status"::text, t."id" as "ownerId", t."name" as "ownerName"
      from "Grant" g join "McpServer" s on s."id" = g."serverId" join "Agent" a on a."id" = g."agentId" join "Team" t on t."id" = a."ownerTeamId"
      where ${where} order by a."id", g."serverId", g."class", g."toolName" nulls first, g."createdAt" limit 5000`,
  )
  return rows.map((row) => {
    const { agentId, agentName, status, ownerId, ownerName, createdAt, expiresAt, revokedAt, ...grant } = row
    const expired = expiresAt !== null && expiresAt <= ctx.now
    return {
      ...grant,
      createdAt: createdAt.toISOString(),
      expiresAt: expiresAt?.toISOString() ?? null,
      revokedAt: revokedAt?.toISOString() ?? null,
      state: revokedAt ? 'revoked' : expired ? 'expired' : 'in_force',
      agent: { id: agentId, name: agentName, status },
      owner: { id: ownerId, name: ownerName },
    }
  })
}

type RawGrant = {
  id: string
  serverId: string
  serverName: string
  environment: Environment
  sensitivity: Sensitivity
  class: ToolClass
  toolName: string | null
  conditions: ArgumentCondition[]
  rate: CallRate | null
  reason: string
  via: string
  requestId: string | null
  createdAt: Date
  expiresAt: Date | null
  revokedAt: Date | null
  tools: string[]
  agentId: string
  agentName: string
  status: AgentStatus
  ownerId: string
  ownerName: string
}
