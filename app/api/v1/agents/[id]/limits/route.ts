import { routes } from '#lib/api/routes.ts'
import { setAgentLimits } from '#lib/guardrails/commands.ts'
import { getAgentLimits } from '#lib/guardrails/queries/agent-limits.ts'
import { serve } from '#app/api/v1/serve.ts'

export const GET = serve(routes.agents.limits, (ctx, { params }) => getAgentLimits(ctx, params.id))
export const PATCH = serve(routes.agents.setLimits, (ctx, { params, body }) =>
  setAgentLimits(ctx, { agentId: params.id, ...body }),
)
