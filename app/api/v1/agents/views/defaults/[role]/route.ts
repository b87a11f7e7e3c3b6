import { routes } from '#lib/api/routes.ts'
import { setDefaultView } from '#lib/registry/commands.ts'
import { serve } from '#app/api/v1/serve.ts'

export const PUT = serve(routes.views.setDefault, (ctx, { params, body }) =>
  setDefaultView(ctx, { role: params.role, ...body }),
)
