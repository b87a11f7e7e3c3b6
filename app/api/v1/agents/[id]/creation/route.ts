import { nothingFailed, tellRefusal } from '#lib/api/refusals.ts'
import { routes } from '#lib/api/routes.ts'
import { retryProvisioning } from '#lib/harness/commands.ts'
import { getCreationLog } from '#lib/registry/queries.ts'
import { serve } from '#app/api/v1/serve.ts'

export const GET = serve(routes.agents.creation, (ctx, { params }) => getCreationLog(ctx, params.id))
export const POST = serve(routes.agents.retryCreation, async (ctx, { params }) =>
  tellRefusal(await retryProvisioning(ctx, { agentId: params.id }), nothingFailed),
)
