import { forecastHoldRule } from '#lib/guardrails/queries/hold-forecast.ts'
import { holdForecastQuery } from '#lib/guardrails/schema/hold-insight.ts'
import { apiRoute } from '#lib/web/route.ts'

/** What a rule would have held, while its form is filled in. */
export const GET = apiRoute({ query: holdForecastQuery }, (ctx, { query }) => forecastHoldRule(ctx, query))
