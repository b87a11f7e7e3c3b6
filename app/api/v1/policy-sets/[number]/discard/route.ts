import { routes } from '#lib/api/routes.ts'
import { discardPolicySet } from '#lib/guardrails/commands.ts'
import { serve } from '#app/api/v1/serve.ts'

export const POST = serve(routes.policySets.discard, (ctx, { params, body }) =>
  discardPolicySet(ctx, { ...params, ...body }),
)
