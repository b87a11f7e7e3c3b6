import { alreadyStopped, tellRefusal } from '#lib/api/refusals.ts'
import { routes } from '#lib/api/routes.ts'
import { orderStop } from '#lib/killswitch/commands.ts'
import { listStops } from '#lib/killswitch/queries.ts'
import { serve } from '#app/api/v1/serve.ts'

export const GET = serve(routes.control.listStops, async (ctx, { query }) => {
  const items = await listStops(ctx, { ...query, limit: query.limit + 1 })
  const page = items.slice(0, query.limit)
  return { items: page, nextCursor: items.length > page.length ? (page.at(-1)?.id ?? null) : null }
})
export const POST = serve(routes.control.orderStop, async (ctx, { body }) =>
  tellRefusal(await orderStop(ctx, body), alreadyStopped),
)
