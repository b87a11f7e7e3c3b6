import { pageOf } from '#lib/api/paging.ts'
import { routes } from '#lib/api/routes.ts'
import { createDelegation } from '#lib/delegation/commands.ts'
import { listDelegations } from '#lib/delegation/queries.ts'
import { serve } from '#app/api/v1/serve.ts'

export const GET = serve(routes.delegations.list, async (ctx, { query: { state, ...page } }) =>
  pageOf(await listDelegations(ctx, { state }), page, ({ id }) => id),
)
export const POST = serve(routes.delegations.create, (ctx, { body }) => createDelegation(ctx, body))
