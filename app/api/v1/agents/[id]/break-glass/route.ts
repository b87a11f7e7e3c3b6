import { routes } from '#lib/api/routes.ts'
import { breakGlass } from '#lib/scopes/commands.ts'
import { serve } from '#app/api/v1/serve.ts'

export const POST = serve(routes.breakGlass.take, (ctx, { params, body }) =>
  breakGlass(ctx, { agentId: params.id, ...body }),
)
