import { routes } from '#lib/api/routes.ts'
import { simulate } from '#lib/guardrails/queries/explanation/simulate.ts'
import { limitsOfBrokers } from '#lib/guardrails/rules/request-limits.ts'
import { portal } from '#lib/web/db.ts'
import { serve } from '#app/api/v1/serve.ts'

export const POST = serve(routes.decisions.simulate, (ctx, { body }) =>
  simulate(ctx, body, limitsOfBrokers(portal().config.brokerLimits)),
)
