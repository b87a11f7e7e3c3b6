import { routes } from '#lib/api/routes.ts'
import { getHoldRule } from '#lib/guardrails/queries/held-calls.ts'
import { serve } from '#app/api/v1/serve.ts'

export const GET = serve(routes.approvals.showRule, (ctx, { params }) => getHoldRule(ctx, params.id))
