import { routes } from '#lib/api/routes.ts'
import { getStop } from '#lib/killswitch/queries.ts'
import { serve } from '#app/api/v1/serve.ts'

export const GET = serve(routes.control.showStop, (ctx, { params }) => getStop(ctx, params.id))
