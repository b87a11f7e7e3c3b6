import { routes } from '#lib/api/routes.ts'
import { listGrantPage } from '#lib/scopes/queries.ts'
import { serve } from '#app/api/v1/serve.ts'

export const GET = serve(routes.scopes.listGrants, (ctx, { query }) => listGrantPage(ctx, query))
