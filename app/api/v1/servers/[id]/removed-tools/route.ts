import { routes } from '#lib/api/routes.ts'
import { listRemovedTools } from '#lib/registry/queries.ts'
import { serve } from '#app/api/v1/serve.ts'

export const GET = serve(routes.registry.listRemovedTools, async (ctx, { params, query }) => {
  return await listRemovedTools(ctx, { serverId: params.id, ...query })
})
