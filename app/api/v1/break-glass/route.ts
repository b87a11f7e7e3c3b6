import { routes } from '#lib/api/routes.ts'
import { listBreakGlass } from '#lib/scopes/queries.ts'
import { serve } from '#app/api/v1/serve.ts'

export const GET = serve(routes.breakGlass.list, async (ctx, { query }) => ({
  items: await listBreakGlass(ctx, query),
}))
