import { routes } from '#lib/api/routes.ts'
import { retireAgent } from '#lib/lifecycle/commands.ts'
import { serve } from '#app/api/v1/serve.ts'

export const POST = serve(routes.agents.retire, (ctx, { params, body }) =>
  retireAgent(ctx, { agentId: params.id, ...body }),
)
