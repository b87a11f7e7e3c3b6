import { routes } from '#lib/api/routes.ts'
import { getHeldCall } from '#lib/guardrails/queries/held-calls.ts'
import { serve } from '#app/api/v1/serve.ts'

export const GET = serve(routes.approvals.show, (ctx, { params }) => getHeldCall(ctx, params.id))
