import { pageOf } from '#lib/api/paging.ts'
import { routes } from '#lib/api/routes.ts'
import { staleToolsets } from '#lib/scopes/queries.ts'
import { serve } from '#app/api/v1/serve.ts'

export const GET = serve(routes.usage.toolsets, async (ctx, { params, query }) =>
  pageOf(await staleToolsets(ctx, params.id), query, ({ runId }) => runId),
)
