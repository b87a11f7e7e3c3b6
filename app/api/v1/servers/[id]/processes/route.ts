import { routes } from '#lib/api/routes.ts'
import { getServerProcesses } from '#lib/registry/queries.ts'
import { serve } from '#app/api/v1/serve.ts'

export const GET = serve(routes.registry.showServerProcesses, (ctx, { params }) => getServerProcesses(ctx, params.id))
