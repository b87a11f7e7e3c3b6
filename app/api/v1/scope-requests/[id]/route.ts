import { routes } from '#lib/api/routes.ts'
import { reviseScopeRequest } from '#lib/scopes/commands.ts'
import { getScopeRequest } from '#lib/scopes/queries.ts'
import { serve } from '#app/api/v1/serve.ts'

export const GET = serve(routes.scopes.show, (ctx, { params }) => getScopeRequest(ctx, params.id))
export const PATCH = serve(routes.scopes.revise, (ctx, { params, body }) =>
  reviseScopeRequest(ctx, { requestId: params.id, ...body }),
)
