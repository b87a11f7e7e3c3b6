import { routes } from '#lib/api/routes.ts'
import { unusedGrants } from '#lib/scopes/queries.ts'
import { serve } from '#app/api/v1/serve.ts'

export const GET = serve(routes.usage.unused, (ctx, { query }) => unusedGrants(ctx, query))
