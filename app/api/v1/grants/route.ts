import { routes } from '#lib/api/routes.ts'
import { listGrants } from '#lib/scopes/queries.ts'
import { serve } from '#app/api/v1/serve.ts'

export const GET = serve(routes.scopes.listGrants, async (ctx, { query }) => ({ items: await listGrants(ctx, query) }))
