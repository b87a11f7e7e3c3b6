import { routes } from '#lib/api/routes.ts'
import { reviewBreakGlass } from '#lib/scopes/commands.ts'
import { serve } from '#app/api/v1/serve.ts'

export const POST = serve(routes.breakGlass.review, (ctx, { params, body }) =>
  reviewBreakGlass(ctx, { grantId: params.id, ...body }),
)
