import { routes } from '#lib/api/routes.ts'
import { diffAgents } from '#lib/registry/queries.ts'
import { serve } from '#app/api/v1/serve.ts'

export const GET = serve(routes.history.diffAgents, (ctx, { query }) => diffAgents(ctx, query))
