import { routes } from '#lib/api/routes.ts'
import { getUnregistered } from '#lib/registry/queries.ts'
import { serve } from '#app/api/v1/serve.ts'

export const GET = serve(routes.unregistered.show, (ctx, { params }) => getUnregistered(ctx, params.id))
