import { pageOf } from '#lib/api/paging.ts'
import { routes } from '#lib/api/routes.ts'
import { listPeople } from '#lib/registry/queries.ts'
import { serve } from '#app/api/v1/serve.ts'

export const GET = serve(routes.account.listPeople, async (ctx, { query: { limit, cursor, ...query } }) =>
  pageOf(await listPeople(ctx, query), { limit, cursor }, ({ id }) => id),
)
