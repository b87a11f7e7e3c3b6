import { routes } from '#lib/api/routes.ts'
import { grantProposals } from '#lib/scopes/queries.ts'
import { serve } from '#app/api/v1/serve.ts'

export const GET = serve(routes.usage.proposals, (ctx, { query }) => grantProposals(ctx, query))
