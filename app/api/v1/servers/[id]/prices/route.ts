import { routes } from '#lib/api/routes.ts'
import { setCallPrice } from '#lib/metrics/commands.ts'
import { callPrices } from '#lib/metrics/queries.ts'
import { serve } from '#app/api/v1/serve.ts'

export const GET = serve(routes.servers.showPrices, (ctx, { params }) => callPrices(ctx, params.id))
export const PUT = serve(routes.servers.setPrice, (ctx, { params, body }) =>
  setCallPrice(ctx, { serverId: params.id, ...body }),
)
