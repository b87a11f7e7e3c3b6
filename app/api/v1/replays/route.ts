import { routes } from '#lib/api/routes.ts'
import { startTextReplay } from '#lib/guardrails/commands.ts'
import { serve } from '#app/api/v1/serve.ts'

export const POST = serve(routes.policyReplays.startText, (ctx, { body }) => startTextReplay(ctx, body))
