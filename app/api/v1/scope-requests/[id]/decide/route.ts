import { routes } from '#lib/api/routes.ts'
import { decideScope } from '#lib/lifecycle/commands.ts'
import { serve } from '#app/api/v1/serve.ts'

export const POST = serve(routes.scopes.decide, (ctx, { params, body }) =>
  decideScope(ctx, { requestId: params.id, ...body }),
)
