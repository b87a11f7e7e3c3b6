import { routes } from '#lib/api/routes.ts'
import { explainDecision } from '#lib/guardrails/queries/explanation/decision.ts'
import { serve } from '#app/api/v1/serve.ts'

export const GET = serve(routes.decisions.explain, (ctx, { params }) => explainDecision(ctx, params))
