import { routes } from '#lib/api/routes.ts'
import { listAuditEvents } from '#lib/audit/queries.ts'
import { serve } from '#app/api/v1/serve.ts'

export const GET = serve(routes.control.listAudit, async (ctx, { query }) => ({
  items: await listAuditEvents(ctx, query),
}))
