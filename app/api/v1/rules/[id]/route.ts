import { routes } from '#lib/api/routes.ts'
import { explainStoredRule } from '#lib/guardrails/queries.ts'
import { serve } from '#app/api/v1/serve.ts'

export const GET = serve(routes.control.explainRule, (ctx, { params }) => explainStoredRule(ctx, params.id))
