import { routes } from '#lib/api/routes.ts'
import { revokeAccessToken } from '#lib/auth/commands/tokens.ts'
import { serve } from '#app/api/v1/serve.ts'

export const DELETE = serve(routes.account.revokeToken, (ctx, { params }) =>
  revokeAccessToken(ctx, { tokenId: params.id }),
)
