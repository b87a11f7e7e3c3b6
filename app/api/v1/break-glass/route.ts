import { pageOf } from '#lib/api/paging.ts'
import { routes } from '#lib/api/routes.ts'
import { listBreakGlass } from '#lib/scopes/queries.ts'
import { serve } from '#app/api/v1/serve.ts'

export const GET = serve(routes.breakGlass.list, async (ctx, { query: { limit, cursor, state } }) =>
  pageOf(await listBreakGlass(ctx, { state, limit: 5000 }), { limit, cursor }, ({ grantId }) => grantId),
)
