import { routes } from '#lib/api/routes.ts'
import { listAgentMoments } from '#lib/registry/queries.ts'
import { serve } from '#app/api/v1/serve.ts'

export const GET = serve(
  routes.history.moments,
  async (ctx, { params, query }) => await listAgentMoments(ctx, { agentId: params.id, ...query }),
)
