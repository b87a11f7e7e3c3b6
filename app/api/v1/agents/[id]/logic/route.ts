import { routes } from '#lib/api/routes.ts'
import { changeAgentLogic } from '#lib/lifecycle/commands.ts'
import { serve } from '#app/api/v1/serve.ts'

export const POST = serve(routes.agents.logic, (ctx, { params, body }) =>
  changeAgentLogic(ctx, { agentId: params.id, ...body }),
)
