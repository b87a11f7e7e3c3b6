import { exportAgents } from '#lib/api/export-agents.ts'
import { routes } from '#lib/api/routes.ts'
import { streamed } from '#lib/web/stream.ts'
import { serve, yamlResponse } from '#app/api/v1/serve.ts'

export const GET = serve(routes.agents.exportMany, async (ctx, { query }) =>
  yamlResponse(await streamed(await exportAgents(ctx, query))),
)
