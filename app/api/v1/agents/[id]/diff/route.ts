import { routes } from '#lib/api/routes.ts'
import { diffAgent } from '#lib/registry/queries.ts'
import { serve } from '#app/api/v1/serve.ts'

export const GET = serve(routes.history.diffAgent, (ctx, { params, query }) =>
  diffAgent(ctx, { agentId: params.id, ...query }),
)
