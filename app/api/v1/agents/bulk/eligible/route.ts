import { routes } from '#lib/api/routes.ts'
import { bulkEligibility } from '#lib/lifecycle/queries.ts'
import { serve } from '#app/api/v1/serve.ts'

export const POST = serve(routes.agents.eligible, (ctx, { body }) => bulkEligibility(ctx, body))
