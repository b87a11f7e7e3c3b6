import { routes } from '#lib/api/routes.ts'
import { getHoldBypass } from '#lib/guardrails/queries/hold-bypasses.ts'
import { serve } from '#app/api/v1/serve.ts'

export const GET = serve(routes.approvals.showBypass, (ctx, { params }) => getHoldBypass(ctx, params.id))
