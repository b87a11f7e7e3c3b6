import { Prisma } from '#lib/db/generated/client.ts'
import { methodPrefix } from './schema.ts'

/**
 * In force means: not revoked, not expired, on an active server, and if narrowed to a tool, that tool is approved; what is granted besides tools needs no approval of its own. Over `"Grant" g` joined
 * with `"McpServer" s`; the agent's own status is left out, so that a suspended agent's reach can still be found.
 */
export function inForceSql(now: Date): Prisma.Sql {
  return Prisma.sql`g."revokedAt" is null and (g."expiresAt" is null or g."expiresAt" > ${now}) and s."status" = 'active'
    and (g."toolName" is null or g."toolName" like ${`${methodPrefix}%`} or exists (select 1 from "McpTool" tool
      where tool."serverId" = g."serverId" and tool."name" = g."toolName" and tool."state" = 'approved'))`
}
