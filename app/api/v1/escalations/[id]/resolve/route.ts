import { routes } from '#lib/api/routes.ts'
import { resolveEscalation } from '#lib/harness/commands.ts'
import { serve } from '#app/api/v1/serve.ts'

export const POST = serve(routes.escalations.resolve, (ctx, { params }) =>
  resolveEscalation(ctx, { escalationId: params.id }),
)
