import { routes } from '#lib/api/routes.ts'
import { removeServerCredential } from '#lib/registry/commands.ts'
import { serve } from '#app/api/v1/serve.ts'

export const POST = serve(routes.registry.removeServerCredential, (ctx, { params, body }) =>
  removeServerCredential(ctx, { ...body, serverId: params.id }),
)
