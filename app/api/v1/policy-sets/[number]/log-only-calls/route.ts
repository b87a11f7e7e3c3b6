import { routes } from '#lib/api/routes.ts'
import { listLogOnlyCalls } from '#lib/guardrails/queries.ts'
import { serve } from '#app/api/v1/serve.ts'

export const GET = serve(routes.policySets.logOnlyCalls, (ctx, { params, query }) =>
  listLogOnlyCalls(ctx, { number: params.number, ...query }),
)
