import { pageOf } from '#lib/api/paging.ts'
import { routes } from '#lib/api/routes.ts'
import { listServerHealth } from '#lib/registry/queries.ts'
import { serve } from '#app/api/v1/serve.ts'

export const GET = serve(routes.servers.listHealth, async (ctx, { params, query }) =>
  pageOf(await listServerHealth(ctx, params.id), query, ({ broker }) => broker),
)
