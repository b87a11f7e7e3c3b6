import { routes } from '#lib/api/routes.ts'
import { trialReports } from '#lib/guardrails/queries.ts'
import { serve } from '#app/api/v1/serve.ts'

export const GET = serve(routes.policySets.reports, (ctx, { params }) => trialReports(ctx, params.number))
