import { routes } from '#lib/api/routes.ts'
import { revokeGrant } from '#lib/scopes/commands.ts'
import { serve } from '#app/api/v1/serve.ts'

export const POST = serve(routes.scopes.revokeGrant, (ctx, { params, body }) =>
  revokeGrant(ctx, { grantId: params.id, ...body }),
)
