import { routes } from '#lib/api/routes.ts'
import { exportManifest } from '#lib/lifecycle/queries.ts'
import { serve, yamlResponse } from '#app/api/v1/serve.ts'

export const GET = serve(routes.agents.exportOne, async (ctx, { params, query }) =>
  yamlResponse(await exportManifest(ctx, params.id, query)),
)
