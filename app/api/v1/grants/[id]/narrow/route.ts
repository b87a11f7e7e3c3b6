import { routes } from '#lib/api/routes.ts'
import { narrowGrant } from '#lib/scopes/commands.ts'
import { serve } from '#app/api/v1/serve.ts'

export const POST = serve(routes.usage.narrow, (ctx, { params, body }) =>
  narrowGrant(ctx, { grantId: params.id, ...body }),
)
