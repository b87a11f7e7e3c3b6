import { routes } from '#lib/api/routes.ts'
import { explainAgentQuery } from '#lib/registry/queries.ts'
import { serve } from '../../../serve.ts'

export const GET = serve(routes.agents.explain, (ctx, { params, query }) =>
  explainAgentQuery(ctx, { agentId: params.id, ...query }),
)
