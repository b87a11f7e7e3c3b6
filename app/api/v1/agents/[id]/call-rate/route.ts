import { routes } from '#lib/api/routes.ts'
import { limitAgentCalls } from '#lib/guardrails/commands.ts'
import { getAgentCallRate } from '#lib/guardrails/queries/call-rates.ts'
import { serve } from '#app/api/v1/serve.ts'

export const GET = serve(routes.agents.callRate, (ctx, { params }) => getAgentCallRate(ctx, params.id))
export const PUT = serve(routes.agents.limitCalls, (ctx, { params, body }) =>
  limitAgentCalls(ctx, { agentId: params.id, ...body }),
)
