import { routes } from '#lib/api/routes.ts'
import { agentFacets } from '#lib/registry/queries.ts'
import { serve } from '../../serve.ts'

export const GET = serve(routes.agents.facets, (ctx, { query }) => agentFacets(ctx, query))
