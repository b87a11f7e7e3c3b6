import { routes } from '#lib/api/routes.ts'
import { completeAgentQuery } from '#lib/registry/queries.ts'
import { serve } from '../../serve.ts'

export const GET = serve(routes.agents.complete, (ctx, { query }) => completeAgentQuery(ctx, query))
