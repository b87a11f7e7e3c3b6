import { routes } from '#lib/api/routes.ts'
import { moveAgents } from '#lib/lifecycle/commands.ts'
import { serve } from '#app/api/v1/serve.ts'

export const POST = serve(routes.agents.moveMany, (ctx, { body }) => moveAgents(ctx, body))
