import { routes } from '#lib/api/routes.ts'
import { getRun } from '#lib/harness/queries.ts'
import { serve } from '#app/api/v1/serve.ts'

export const GET = serve(routes.runs.show, (ctx, { params }) => getRun(ctx, params.id))
