import { type Ctx, reader } from '#lib/auth/ctx.ts'
import { Prisma } from '#lib/db/generated/client.ts'
import { asTheyWere } from '../history/past.ts'
import { inForceSql } from '../in-force.ts'
import { type AccessGrant, methodPrefix } from '../schema.ts'

/** The agent's grants in force, each with the approved tools it reaches: now, or as it was at an instant. Callers authorize. */
export async function accessOf(ctx: Ctx, agentId: string, past: Date | null = null): Promise<AccessGrant[]> {
  const grants = { table: 'Grant', where: Prisma.sql`e."parent" = ${agentId}` } as const
  const rows = await reader(ctx).$queryRaw<RawGrant[]>(
    Prisma.sql`${asTheyWere(past, [grants, 'McpServer', 'McpTool'])}select g."id", g."serverId", s."name" as "serverName", s."environment"::text, s."sensitivity"::text, g."class"::text, g."toolName",
        ${grantLimitsSql}, g."reason", g."via", g."requestId", g."createdAt", g."expiresAt", ${reachedToolsSql} as tools
      from "Grant" g join "McpServer" s on s."id" = g."serverId"
      where g."agentId" = ${agentId} and ${inForceSql(past ?? ctx.now)}
      order by g."serverId", g."class", g."toolName" nulls first, g."createdAt"`,
  )
  return rows.map((row) => ({
    ...row,
    createdAt: row.createdAt.toISOString(),
    expiresAt: row.expiresAt?.toISOString() ?? null,
  }))
}

/** What narrows a grant `g`. */
export const grantLimitsSql = Prisma.sql`g."conditions", case when g."rateCalls" is not null
  then json_build_object('calls', g."rateCalls", 'per', g."ratePer") end as "rate"`

/** Names of the approved tools a grant `g` reaches: of its class or below, and of its tool if it names one; what is no tool reaches itself. */
export const reachedToolsSql = Prisma.sql`case when g."toolName" like ${`${methodPrefix}%`} then array[g."toolName"] else array(select tool."name" from "McpTool" tool
  where tool."serverId" = g."serverId" and tool."state" = 'approved' and tool."class" <= g."class"
    and (g."toolName" is null or tool."name" = g."toolName") order by tool."name") end`

type RawGrant = Omit<AccessGrant, 'createdAt' | 'expiresAt'> & { createdAt: Date; expiresAt: Date | null }
