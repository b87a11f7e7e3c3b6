import { routes } from '#lib/api/routes.ts'
import { getEscalation } from '#lib/harness/queries.ts'
import { serve } from '#app/api/v1/serve.ts'

export const GET = serve(routes.escalations.show, (ctx, { params }) => getEscalation(ctx, params.id))
