import { routes } from '#lib/api/routes.ts'
import { endHoldBypass } from '#lib/guardrails/commands.ts'
import { serve } from '#app/api/v1/serve.ts'

export const POST = serve(routes.approvals.endBypass, (ctx, { params }) => endHoldBypass(ctx, { bypassId: params.id }))
