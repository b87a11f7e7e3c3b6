import { routes } from '#lib/api/routes.ts'
import { withdrawScopeRequest } from '#lib/scopes/commands.ts'
import { serve } from '#app/api/v1/serve.ts'

export const POST = serve(routes.scopes.withdraw, (ctx, { params }) =>
  withdrawScopeRequest(ctx, { requestId: params.id }),
)
