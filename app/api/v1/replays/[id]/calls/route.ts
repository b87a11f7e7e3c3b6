import { routes } from '#lib/api/routes.ts'
import { listReplayedCalls } from '#lib/guardrails/queries.ts'
import { serve } from '#app/api/v1/serve.ts'

export const GET = serve(routes.policyReplays.calls, (ctx, { params, query }) =>
  listReplayedCalls(ctx, { replayId: params.id, ...query }),
)
