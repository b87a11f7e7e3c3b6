import { routes } from '#lib/api/routes.ts'
import { updateAgent } from '#lib/lifecycle/commands.ts'
import { getAgent, getAgentAsOf } from '#lib/registry/queries.ts'
import { serve } from '#app/api/v1/serve.ts'

export const GET = serve(routes.agents.show, (ctx, { params, query: { asOf } }) =>
  asOf === undefined ? getAgent(ctx, params.id) : getAgentAsOf(ctx, { agentId: params.id, asOf }),
)
export const PATCH = serve(routes.agents.update, async (ctx, { params, body }) => {
  await updateAgent(ctx, { agentId: params.id, ...body })
  return await getAgent(ctx, params.id)
})
