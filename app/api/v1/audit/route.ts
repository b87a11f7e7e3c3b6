import { routes } from '#lib/api/routes.ts'
import { listAuditEvents } from '#lib/audit/queries.ts'
import { serve } from '#app/api/v1/serve.ts'

export const GET = serve(routes.control.listAudit, async (ctx, { query }) => {
  const found = await listAuditEvents(ctx, { ...query, limit: query.limit + 1 })
  const items = found.slice(0, query.limit)
  return { items, nextCursor: found.length > items.length ? (items.at(-1)?.seq ?? null) : null }
})
