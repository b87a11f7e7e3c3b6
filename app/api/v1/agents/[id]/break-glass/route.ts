import { routes } from '#lib/api/routes.ts'
import { takeBreakGlass } from '#lib/lifecycle/commands.ts'
import { serve } from '#app/api/v1/serve.ts'

export const POST = serve(routes.breakGlass.take, (ctx, { params, body }) =>
  takeBreakGlass(ctx, { agentId: params.id, ...body }),
)
