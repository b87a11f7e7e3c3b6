import { routes } from '#lib/api/routes.ts'
import { templateDrift } from '#lib/lifecycle/queries.ts'
import { serve } from '#app/api/v1/serve.ts'

export const GET = serve(routes.agents.drift, async (ctx, { params }) => await templateDrift(ctx, params.id))
