import { alreadyStopped, tellRefusal } from '#lib/api/refusals.ts'
import { routes } from '#lib/api/routes.ts'
import { orderStop } from '#lib/killswitch/commands.ts'
import { listStops } from '#lib/killswitch/queries.ts'
import { serve } from '#app/api/v1/serve.ts'

export const GET = serve(routes.control.listStops, async (ctx, { query }) => ({ items: await listStops(ctx, query) }))
export const POST = serve(routes.control.orderStop, async (ctx, { body }) =>
  tellRefusal(await orderStop(ctx, body), alreadyStopped),
)
