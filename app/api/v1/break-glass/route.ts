import { routes } from '#lib/api/routes.ts'
import { listBreakGlassPage } from '#lib/scopes/queries.ts'
import { serve } from '#app/api/v1/serve.ts'

export const GET = serve(routes.breakGlass.list, async (ctx, { query }) => await listBreakGlassPage(ctx, query))
