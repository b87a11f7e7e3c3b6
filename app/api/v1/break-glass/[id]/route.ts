import { routes } from '#lib/api/routes.ts'
import { getBreakGlass } from '#lib/scopes/queries.ts'
import { serve } from '#app/api/v1/serve.ts'

export const GET = serve(routes.breakGlass.show, (ctx, { params }) => getBreakGlass(ctx, params.id))
