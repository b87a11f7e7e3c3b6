import { routes } from '#lib/api/routes.ts'
import { retirementCandidates } from '#lib/metrics/queries.ts'
import { serve } from '#app/api/v1/serve.ts'

export const GET = serve(routes.control.retirementCandidates, (ctx, { query }) => retirementCandidates(ctx, query))
