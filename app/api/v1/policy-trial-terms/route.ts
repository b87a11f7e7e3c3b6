import { routes } from '#lib/api/routes.ts'
import { setTrialTerms } from '#lib/guardrails/commands.ts'
import { getTrialTerms } from '#lib/guardrails/queries.ts'
import { serve } from '#app/api/v1/serve.ts'

export const GET = serve(routes.policySets.showTerms, (ctx) => getTrialTerms(ctx))
export const PUT = serve(routes.policySets.setTerms, (ctx, { body }) => setTrialTerms(ctx, body))
