import { routes } from '#lib/api/routes.ts'
import { explainDecision } from '#lib/guardrails/queries/explanation/decision.ts'
import { limitsOfBrokers } from '#lib/guardrails/rules/request-limits.ts'
import { portal } from '#lib/web/db.ts'
import { serve } from '#app/api/v1/serve.ts'

export const GET = serve(routes.decisions.explain, (ctx, { params }) =>
  explainDecision(ctx, params, limitsOfBrokers(portal().config.brokerLimits)),
)
