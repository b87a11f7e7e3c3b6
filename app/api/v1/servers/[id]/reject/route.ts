import { routes } from '#lib/api/routes.ts'
import { rejectTool } from '#lib/registry/commands.ts'
import { serve } from '#app/api/v1/serve.ts'

export const POST = serve(routes.servers.rejectTool, (ctx, { params, body }) =>
  rejectTool(ctx, { ...body, serverId: params.id }),
)
