import { routes } from '#lib/api/routes.ts'
import { withdrawTrialTerms } from '#lib/guardrails/commands.ts'
import { serve } from '#app/api/v1/serve.ts'

export const POST = serve(routes.policySets.withdrawTerms, (ctx) => withdrawTrialTerms(ctx))
