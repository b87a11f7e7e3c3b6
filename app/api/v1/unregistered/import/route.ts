import { routes } from '#lib/api/routes.ts'
import { importFindings } from '#lib/registry/commands.ts'
import { serve } from '#app/api/v1/serve.ts'

export const POST = serve(routes.unregistered.importMany, (ctx, { query, body }) =>
  importFindings(ctx, { text: body, format: query.format }),
)
