import { routes } from '#lib/api/routes.ts'
import { startPolicyReplay } from '#lib/guardrails/commands.ts'
import { listPolicyReplays } from '#lib/guardrails/queries.ts'
import { serve } from '#app/api/v1/serve.ts'

export const GET = serve(routes.policyReplays.list, (ctx, { params, query }) =>
  listPolicyReplays(ctx, { ...params, ...query }),
)
export const POST = serve(routes.policyReplays.start, (ctx, { params, body }) =>
  startPolicyReplay(ctx, { ...params, ...body }),
)
