import { routes } from '#lib/api/routes.ts'
import { blastRadius } from '#lib/killswitch/queries.ts'
import { serve } from '#app/api/v1/serve.ts'

export const GET = serve(routes.control.blastRadius, (ctx, { query }) => blastRadius(ctx, query))
