import { routes } from '#lib/api/routes.ts'
import { logOnlyReport } from '#lib/guardrails/queries.ts'
import { serve } from '#app/api/v1/serve.ts'

export const GET = serve(routes.policySets.report, async (ctx, { params }) => ({
  report: await logOnlyReport(ctx, params.number),
}))
