import { routes } from '#lib/api/routes.ts'
import { getPackageFetch } from '#lib/registry/queries.ts'
import { serve } from '#app/api/v1/serve.ts'

export const GET = serve(routes.servers.showPackage, (ctx, { params }) => getPackageFetch(ctx, params.id))
