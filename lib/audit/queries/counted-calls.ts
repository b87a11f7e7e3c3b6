import { Prisma } from '#lib/db/generated/client.ts'

/** Audit events `e` that are calls of their own, as traffic and profiles count them. */
export const countedCallsSql = Prisma.sql`e."event" = 'mcp.call_allowed' and e."detail"->>'outcome' in ('ok', 'tool_error', 'upstream_error', 'aborted', 'streamed')`
