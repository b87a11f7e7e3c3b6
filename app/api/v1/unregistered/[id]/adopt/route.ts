import { routes } from '#lib/api/routes.ts'
import { adoptUnregistered } from '#lib/lifecycle/commands.ts'
import { serve } from '#app/api/v1/serve.ts'

export const POST = serve(routes.unregistered.adopt, (ctx, { params, body }) =>
  adoptUnregistered(ctx, { unregisteredId: params.id, ...body }),
)
