import { routes } from '#lib/api/routes.ts'
import { checkPolicyText } from '#lib/guardrails/queries.ts'
import { serve } from '#app/api/v1/serve.ts'

export const POST = serve(routes.policySets.check, (ctx, { body }) => checkPolicyText(ctx, body))
