import { routes } from '#lib/api/routes.ts'
import { createAgent, previewAgent } from '#lib/lifecycle/commands.ts'
import { listAgents } from '#lib/registry/queries.ts'
import { serve } from '#app/api/v1/serve.ts'

export const GET = serve(routes.agents.list, (ctx, { query }) => listAgents(ctx, query))
export const POST = serve(routes.agents.create, async (ctx, { query, body }) =>
  query.dryRun ? Response.json(await previewAgent(ctx, body)) : await createAgent(ctx, body),
)
