import { routes } from '#lib/api/routes.ts'
import { listServerHolders } from '#lib/registry/queries.ts'
import { serve } from '#app/api/v1/serve.ts'

export const GET = serve(routes.registry.listServerHolders, async (ctx, { params, query }) => {
  return await listServerHolders(ctx, { serverId: params.id, ...query })
})
