import { routes } from '#lib/api/routes.ts'
import { startRun } from '#lib/harness/commands.ts'
import { listRuns } from '#lib/harness/queries.ts'
import { serve } from '#app/api/v1/serve.ts'

export const GET = serve(routes.runs.list, (ctx, { query }) => listRuns(ctx, query))
export const POST = serve(routes.runs.start, (ctx, { body }) => startRun(ctx, { ...body, trigger: 'api' }))
