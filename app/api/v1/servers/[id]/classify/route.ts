import { routes } from '#lib/api/routes.ts'
import { classifyTool } from '#lib/registry/commands.ts'
import { serve } from '#app/api/v1/serve.ts'

export const POST = serve(routes.servers.classifyTool, (ctx, { params, body }) =>
  classifyTool(ctx, { ...body, serverId: params.id }),
)
