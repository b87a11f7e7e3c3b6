import { pageOf } from '#lib/api/paging.ts'
import { routes } from '#lib/api/routes.ts'
import { listPossibleDelegates } from '#lib/delegation/queries.ts'
import { serve } from '#app/api/v1/serve.ts'

export const GET = serve(routes.delegations.possible, async (ctx, { query }) =>
  pageOf(await listPossibleDelegates(ctx), query, ({ id }) => id),
)
