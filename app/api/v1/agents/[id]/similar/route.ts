import { routes } from '#lib/api/routes.ts'
import { similarAgents } from '#lib/registry/queries.ts'
import { serve } from '#app/api/v1/serve.ts'

export const GET = serve(routes.agents.similar, async (ctx, { params, query }) => ({
  items: await similarAgents(ctx, { agentId: params.id, limit: query.limit }),
}))
