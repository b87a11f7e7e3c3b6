import { routes } from '#lib/api/routes.ts'
import { getTemplate } from '#lib/templates/queries.ts'
import { serve } from '#app/api/v1/serve.ts'

export const GET = serve(routes.registry.showTemplate, (ctx, { params, query }) =>
  getTemplate(ctx, { id: params.id, version: query.version }),
)
