import { routes } from '#lib/api/routes.ts'
import { resumeAgent } from '#lib/lifecycle/commands.ts'
import { serve } from '#app/api/v1/serve.ts'

export const POST = serve(routes.agents.resume, (ctx, { params, body }) =>
  resumeAgent(ctx, { agentId: params.id, ...body }),
)
