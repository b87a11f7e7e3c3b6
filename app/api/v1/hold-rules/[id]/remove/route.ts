import { routes } from '#lib/api/routes.ts'
import { removeHoldRule } from '#lib/guardrails/commands.ts'
import { serve } from '#app/api/v1/serve.ts'

export const POST = serve(routes.approvals.removeRule, (ctx, { params, body }) =>
  removeHoldRule(ctx, { ruleId: params.id, ...body }),
)
