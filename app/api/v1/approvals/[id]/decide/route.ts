import { routes } from '#lib/api/routes.ts'
import { decideHeldCall } from '#lib/guardrails/commands.ts'
import { serve } from '#app/api/v1/serve.ts'

export const POST = serve(routes.approvals.decide, (ctx, { params, body }) =>
  decideHeldCall(ctx, { heldCallId: params.id, ...body }),
)
