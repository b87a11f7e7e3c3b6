import { routes } from '#lib/api/routes.ts'
import { getTool } from '#lib/registry/queries.ts'
import { serve } from '#app/api/v1/serve.ts'

export const GET = serve(routes.servers.showTool, (ctx, { params }) =>
  getTool(ctx, { serverId: params.id, name: params.tool }),
)
