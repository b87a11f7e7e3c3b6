import { routes } from '#lib/api/routes.ts'
import { withdrawApprovalRuleEnd } from '#lib/scopes/commands.ts'
import { serve } from '#app/api/v1/serve.ts'

export const POST = serve(routes.scopes.withdrawApprovalRuleEnd, (ctx, { params }) =>
  withdrawApprovalRuleEnd(ctx, { ruleId: params.id }),
)
