import { routes } from '#lib/api/routes.ts'
import { setDefaultView } from '#lib/registry/commands.ts'
import { getDefaultView } from '#lib/registry/queries.ts'
import { serve } from '#app/api/v1/serve.ts'

export const GET = serve(routes.views.showDefault, (ctx, { params }) => getDefaultView(ctx, params.role))
export const PUT = serve(routes.views.setDefault, (ctx, { params, body }) =>
  setDefaultView(ctx, { role: params.role, ...body }),
)
