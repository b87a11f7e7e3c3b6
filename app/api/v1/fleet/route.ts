import { routes } from '#lib/api/routes.ts'
import { fleetSummary } from '#lib/metrics/queries.ts'
import { serve } from '#app/api/v1/serve.ts'

export const GET = serve(routes.control.fleetSummary, (ctx, { query }) => fleetSummary(ctx, query))
