import { routes } from '#lib/api/routes.ts'
import { agentTraffic } from '#lib/metrics/queries.ts'
import { serve } from '#app/api/v1/serve.ts'

export const GET = serve(routes.agents.connections, (ctx, { params, query }) =>
  agentTraffic(ctx, { agentId: params.id, days: query.days }),
)
