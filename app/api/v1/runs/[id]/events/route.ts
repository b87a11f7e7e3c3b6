import { routes } from '#lib/api/routes.ts'
import { listRunEvents, runEventsMax } from '#lib/harness/queries.ts'
import { serve } from '#app/api/v1/serve.ts'

export const GET = serve(routes.runs.events, async (ctx, { params, query }) => {
  const items = await listRunEvents(ctx, { runId: params.id, after: query.after })
  return { items, nextCursor: items.length === runEventsMax ? String(items.at(-1)?.seq) : null }
})
