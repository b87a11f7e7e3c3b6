import { routes } from '#lib/api/routes.ts'
import { decideScopeRequest } from '#lib/scopes/commands.ts'
import { serve } from '#app/api/v1/serve.ts'

export const POST = serve(routes.scopes.decide, (ctx, { params, body }) =>
  decideScopeRequest(ctx, { requestId: params.id, ...body }),
)
