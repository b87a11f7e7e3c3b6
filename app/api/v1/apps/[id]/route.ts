import { routes } from '#lib/api/routes.ts'
import { endAppConnection } from '#lib/auth/commands/app-tokens.ts'
import { serve } from '#app/api/v1/serve.ts'

export const DELETE = serve(routes.account.endApp, (ctx, { params }) =>
  endAppConnection(ctx, { connectionId: params.id }),
)
