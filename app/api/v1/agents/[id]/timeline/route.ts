import { routes } from '#lib/api/routes.ts'
import { agentTimeline } from '#lib/audit/queries.ts'
import { serve } from '#app/api/v1/serve.ts'

export const GET = serve(routes.agents.timeline, async (ctx, { params, query }) => {
  const found = await agentTimeline(ctx, { ...query, agentId: params.id, limit: query.limit + 1 })
  const items = found.slice(0, query.limit)
  return { items, nextCursor: found.length > items.length ? (items.at(-1)?.seq ?? null) : null }
})
