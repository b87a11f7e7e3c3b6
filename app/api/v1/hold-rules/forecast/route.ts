import { routes } from '#lib/api/routes.ts'
import { forecastHoldRule } from '#lib/guardrails/queries/hold-forecast.ts'
import { serve } from '#app/api/v1/serve.ts'

export const GET = serve(routes.approvals.forecast, (ctx, { query }) => forecastHoldRule(ctx, query))
