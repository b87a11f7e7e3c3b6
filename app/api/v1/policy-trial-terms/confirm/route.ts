import { routes } from '#lib/api/routes.ts'
import { confirmTrialTerms } from '#lib/guardrails/commands.ts'
import { serve } from '#app/api/v1/serve.ts'

export const POST = serve(routes.policySets.confirmTerms, (ctx, { body }) => confirmTrialTerms(ctx, body))
