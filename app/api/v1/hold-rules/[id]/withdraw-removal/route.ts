import { routes } from '#lib/api/routes.ts'
import { withdrawHoldRuleEnd } from '#lib/guardrails/commands.ts'
import { serve } from '#app/api/v1/serve.ts'

export const POST = serve(routes.approvals.withdrawRuleEnd, (ctx, { params }) =>
  withdrawHoldRuleEnd(ctx, { ruleId: params.id }),
)
