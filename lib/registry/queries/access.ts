import { type Ctx, reader } from '#lib/auth/ctx.ts'
import { Prisma } from '#lib/db/generated/client.ts'
import type { FleetIndex } from '../fleet/fleet-index.ts'
import { asTheyWere } from '../history/past.ts'
import { inForceSql } from '../in-force.ts'
import type { AccessGrant, GrantReach } from '../schema.ts'
import { reachOfGrants } from './reach.ts'

/**
 * The agent's grants in force, each with what it really reaches: now, or as it was at an instant. `index`: a fleet of that instant with the agent in it, where there is one at
 * hand. Callers authorize.
 */
export async function accessOf(
  ctx: Ctx,
  agentId: string,
  then: { past: Date; index?: FleetIndex } | null = null,
): Promise<AccessGrant[]> {
  const past = then?.past ?? null
  const which = { table: 'Grant', where: Prisma.sql`e."parent" = ${agentId}` } as const
  const rows = await reader(ctx).$queryRaw<RawGrant[]>(
    Prisma.sql`${asTheyWere(past, [which, 'McpServer', 'McpTool'])}select g."id", g."serverId", s."name" as "serverName", s."environment"::text, s."sensitivity"::text, g."class"::text, g."toolName",
        ${grantLimitsSql}, g."reason", g."via", g."requestId", g."createdAt", g."expiresAt"
      from "Grant" g join "McpServer" s on s."id" = g."serverId"
      where g."agentId" = ${agentId} and ${inForceSql(past ?? ctx.now)}
      order by g."serverId", g."class", g."toolName" nulls first, g."createdAt"`,
  )
  const grants = rows.map((row) => ({ ...row, agentId, revokedAt: null }))
  const reaches = await reachOfGrants(ctx, { grants, past, index: then?.index })
  return rows.map((row, at) => ({
    ...row,
    createdAt: row.createdAt.toISOString(),
    expiresAt: row.expiresAt?.toISOString() ?? null,
    ...reaches[at]!,
  }))
}

/** What narrows a grant `g`. */
export const grantLimitsSql = Prisma.sql`g."conditions", case when g."rateCalls" is not null
  then json_build_object('calls', g."rateCalls", 'per', g."ratePer") end as "rate"`

type RawGrant = Omit<AccessGrant, 'createdAt' | 'expiresAt' | keyof GrantReach> & {
  createdAt: Date
  expiresAt: Date | null
}
