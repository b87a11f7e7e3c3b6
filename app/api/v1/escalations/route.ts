import { routes } from '#lib/api/routes.ts'
import { listEscalations } from '#lib/harness/queries.ts'
import { serve } from '#app/api/v1/serve.ts'

export const GET = serve(routes.escalations.list, (ctx, { query }) => listEscalations(ctx, query))
