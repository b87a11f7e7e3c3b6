import { pageOf } from '#lib/api/paging.ts'
import { routes } from '#lib/api/routes.ts'
import { listLoosenings } from '#lib/registry/queries.ts'
import { serve } from '#app/api/v1/serve.ts'

export const GET = serve(routes.servers.listLoosenings, async (ctx, { query }) =>
  pageOf(await listLoosenings(ctx), query, ({ id }) => id),
)
