import { pageOf } from '#lib/api/paging.ts'
import { routes } from '#lib/api/routes.ts'
import { listTemplates } from '#lib/templates/queries.ts'
import { serve } from '#app/api/v1/serve.ts'

export const GET = serve(routes.registry.listTemplates, async (ctx, { query }) =>
  pageOf(await listTemplates(ctx), query, ({ id }) => id),
)
