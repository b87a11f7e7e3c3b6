import { routes } from '#lib/api/routes.ts'
import { agentMetrics } from '#lib/metrics/queries.ts'
import { serve } from '#app/api/v1/serve.ts'

export const GET = serve(routes.agents.metrics, (ctx, { params, query }) =>
  agentMetrics(ctx, { agentId: params.id, days: query.days }),
)
