import { routes } from '#lib/api/routes.ts'
import { setServerBoundary } from '#lib/registry/commands.ts'
import { serve } from '#app/api/v1/serve.ts'

export const PUT = serve(routes.servers.setBoundary, (ctx, { params, body }) =>
  setServerBoundary(ctx, { serverId: params.id, ...body }),
)
