import { pageOf } from '#lib/api/paging.ts'
import { routes } from '#lib/api/routes.ts'
import { listToolReviews } from '#lib/registry/queries.ts'
import { serve } from '#app/api/v1/serve.ts'

export const GET = serve(routes.servers.listReviews, async (ctx, { query }) =>
  pageOf(await listToolReviews(ctx), query, ({ server, tool }) => `${server.id}/${tool}`),
)
