import { routes } from '#lib/api/routes.ts'
import { cancelPolicyReplay } from '#lib/guardrails/commands.ts'
import { serve } from '#app/api/v1/serve.ts'

export const POST = serve(routes.policyReplays.cancel, (ctx, { params }) =>
  cancelPolicyReplay(ctx, { replayId: params.id }),
)
