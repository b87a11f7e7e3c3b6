import { pageOf } from '#lib/api/paging.ts'
import { routes } from '#lib/api/routes.ts'
import { grantUsage } from '#lib/scopes/queries.ts'
import { serve } from '#app/api/v1/serve.ts'

export const GET = serve(routes.usage.ofAgent, async (ctx, { params, query: { limit, cursor, ...asked } }) =>
  pageOf(await grantUsage(ctx, { agentId: params.id, ...asked }), { limit, cursor }, ({ grantId }) => grantId),
)
