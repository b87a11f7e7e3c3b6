import { routes } from '#lib/api/routes.ts'
import { enforcePolicySet } from '#lib/guardrails/commands.ts'
import { serve } from '#app/api/v1/serve.ts'

export const POST = serve(routes.policySets.enforce, (ctx, { params, body }) =>
  enforcePolicySet(ctx, { ...params, ...body }),
)
