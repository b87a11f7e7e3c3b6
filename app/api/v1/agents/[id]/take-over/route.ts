import { routes } from '#lib/api/routes.ts'
import { takeOverAgent } from '#lib/lifecycle/commands.ts'
import { serve } from '#app/api/v1/serve.ts'

export const POST = serve(routes.people.takeOver, (ctx, { params, body }) =>
  takeOverAgent(ctx, { agentId: params.id, ...body }),
)
