import { routes } from '#lib/api/routes.ts'
import { listServers } from '#lib/registry/queries.ts'
import { serve } from '#app/api/v1/serve.ts'

export const GET = serve(routes.registry.listServers, async (ctx) => ({ items: await listServers(ctx) }))
