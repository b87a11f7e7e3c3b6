import { routes } from '#lib/api/routes.ts'
import { removeApprovalRule } from '#lib/scopes/commands.ts'
import { serve } from '#app/api/v1/serve.ts'

export const POST = serve(routes.scopes.removeApprovalRule, (ctx, { params, body }) =>
  removeApprovalRule(ctx, { ruleId: params.id, ...body }),
)
