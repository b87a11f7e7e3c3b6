import { routes } from '#lib/api/routes.ts'
import { rollBackPolicySet } from '#lib/guardrails/commands.ts'
import { serve } from '#app/api/v1/serve.ts'

export const POST = serve(routes.policySets.rollBack, (ctx, { params, body }) =>
  rollBackPolicySet(ctx, { ...params, ...body }),
)
