import { routes } from '#lib/api/routes.ts'
import { dismissUnregistered } from '#lib/registry/commands.ts'
import { serve } from '#app/api/v1/serve.ts'

export const POST = serve(routes.unregistered.dismiss, (ctx, { params, body }) =>
  dismissUnregistered(ctx, { unregisteredId: params.id, ...body }),
)
