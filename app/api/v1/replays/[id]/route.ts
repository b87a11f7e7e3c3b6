import { routes } from '#lib/api/routes.ts'
import { getPolicyReplay } from '#lib/guardrails/queries.ts'
import { serve } from '#app/api/v1/serve.ts'

export const GET = serve(routes.policyReplays.show, (ctx, { params }) => getPolicyReplay(ctx, params.id))
