import { routes } from '#lib/api/routes.ts'
import { openHoldBypass } from '#lib/guardrails/commands.ts'
import { serve } from '#app/api/v1/serve.ts'

export const POST = serve(routes.approvals.openBypass, (ctx, { params, body }) =>
  openHoldBypass(ctx, { ruleId: params.id, ...body }),
)
