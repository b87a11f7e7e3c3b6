import { routes } from '#lib/api/routes.ts'
import { approveTools } from '#lib/registry/commands.ts'
import { serve } from '#app/api/v1/serve.ts'

export const POST = serve(routes.servers.approveTools, (ctx, { params, body }) =>
  approveTools(ctx, { ...body, serverId: params.id }),
)
