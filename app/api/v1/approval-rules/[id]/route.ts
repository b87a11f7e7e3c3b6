import { routes } from '#lib/api/routes.ts'
import { getApprovalRule } from '#lib/scopes/queries.ts'
import { serve } from '#app/api/v1/serve.ts'

export const GET = serve(routes.scopes.showApprovalRule, (ctx, { params }) => getApprovalRule(ctx, params.id))
