import { routes } from '#lib/api/routes.ts'
import { updateServer } from '#lib/registry/commands.ts'
import { getServer } from '#lib/registry/queries.ts'
import { serve } from '#app/api/v1/serve.ts'

export const GET = serve(routes.registry.showServer, (ctx, { params }) => getServer(ctx, params.id))

export const PATCH = serve(routes.servers.updateServer, (ctx, { params, body }) =>
  updateServer(ctx, { ...body, id: params.id }),
)
