import { routes } from '#lib/api/routes.ts'
import { getAgentVersion } from '#lib/registry/queries.ts'
import { serve } from '#app/api/v1/serve.ts'

export const GET = serve(routes.agents.version, (ctx, { params }) =>
  getAgentVersion(ctx, { agentId: params.id, version: params.version }),
)
