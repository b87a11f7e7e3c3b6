import { routes } from '#lib/api/routes.ts'
import { explainRule } from '#lib/guardrails/rules/explain.ts'
import { serve } from '#app/api/v1/serve.ts'

export const GET = serve(routes.control.explainRule, async (_, { params }) => explainRule(params.id))
