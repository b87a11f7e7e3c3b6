import { routes } from '#lib/api/routes.ts'
import { confirmApprovalRule } from '#lib/scopes/commands.ts'
import { serve } from '#app/api/v1/serve.ts'

export const POST = serve(routes.scopes.confirmApprovalRule, (ctx, { params }) =>
  confirmApprovalRule(ctx, { ruleId: params.id }),
)
