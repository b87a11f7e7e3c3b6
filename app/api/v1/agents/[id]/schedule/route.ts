import { routes } from '#lib/api/routes.ts'
import { setSchedule } from '#lib/lifecycle/commands.ts'
import { serve } from '#app/api/v1/serve.ts'

export const PUT = serve(routes.agents.schedule, (ctx, { params, body }) =>
  setSchedule(ctx, { agentId: params.id, ...body }),
)
