import { routes } from '#lib/api/routes.ts'
import { getGrant } from '#lib/scopes/queries.ts'
import { serve } from '#app/api/v1/serve.ts'

export const GET = serve(routes.scopes.showGrant, (ctx, { params, query }) =>
  getGrant(ctx, { grantId: params.id, asOf: query.asOf }),
)
