import { pageOf } from '#lib/api/paging.ts'
import { routes } from '#lib/api/routes.ts'
import { listTeams } from '#lib/registry/queries.ts'
import { serve } from '#app/api/v1/serve.ts'

export const GET = serve(routes.account.listTeams, async (ctx, { query }) =>
  pageOf(await listTeams(ctx), query, ({ id }) => id),
)
