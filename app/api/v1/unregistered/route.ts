import { routes } from '#lib/api/routes.ts'
import { listUnregistered } from '#lib/registry/queries.ts'
import { serve } from '#app/api/v1/serve.ts'

export const GET = serve(routes.unregistered.list, (ctx, { query }) => listUnregistered(ctx, query))
