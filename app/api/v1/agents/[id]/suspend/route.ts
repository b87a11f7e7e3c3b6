import { routes } from '#lib/api/routes.ts'
import { suspendAgent } from '#lib/lifecycle/commands.ts'
import { serve } from '#app/api/v1/serve.ts'

export const POST = serve(routes.agents.suspend, (ctx, { params, body }) =>
  suspendAgent(ctx, { agentId: params.id, ...body }),
)
