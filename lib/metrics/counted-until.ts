import { type Ctx, reader } from '#lib/auth/ctx.ts'

/** Until when the audit log has been added up: now when all of it is, else the time of the last event that is; null when none is. */
export async function countedUntil(ctx: Ctx): Promise<string | null> {
  const [row] = await reader(ctx).$queryRaw<{ isAll: boolean; at: Date | null }[]>`
    select c."seq" >= h."seq" as "isAll", (select e."at" from "AuditEvent" e where e."seq" = c."seq") as "at"
    from "TrafficCursor" c, "AuditHead" h where c."id" = 1 and h."id" = 1`
  return (row?.isAll ? ctx.now : (row?.at ?? null))?.toISOString() ?? null
}
