import { routes } from '#lib/api/routes.ts'
import { getServerProbe } from '#lib/registry/queries.ts'
import { serve } from '#app/api/v1/serve.ts'

export const GET = serve(routes.servers.showProbe, (ctx, { params }) => getServerProbe(ctx, params.id))
