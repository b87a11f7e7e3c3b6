import { routes } from '#lib/api/routes.ts'
import { listRunEvents } from '#lib/harness/queries.ts'
import { serve } from '#app/api/v1/serve.ts'

export const GET = serve(routes.runs.events, async (ctx, { params, query }) => ({
  items: await listRunEvents(ctx, { runId: params.id, after: query.after }),
}))
