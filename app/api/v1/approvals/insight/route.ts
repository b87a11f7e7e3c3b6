import { routes } from '#lib/api/routes.ts'
import { holdInsight } from '#lib/guardrails/queries/hold-insight.ts'
import { serve } from '#app/api/v1/serve.ts'

export const GET = serve(routes.approvals.insight, (ctx, { query }) => holdInsight(ctx, query))
