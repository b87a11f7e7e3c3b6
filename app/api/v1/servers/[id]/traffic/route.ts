import { routes } from '#lib/api/routes.ts'
import { serverTraffic } from '#lib/metrics/queries.ts'
import { serve } from '#app/api/v1/serve.ts'

export const GET = serve(routes.registry.showServerTraffic, (ctx, { params, query }) =>
  serverTraffic(ctx, { serverId: params.id, hours: query.hours }),
)
