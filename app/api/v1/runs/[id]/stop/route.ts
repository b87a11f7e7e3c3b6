import { runNotOpen, tellRefusal } from '#lib/api/refusals.ts'
import { routes } from '#lib/api/routes.ts'
import { stopRun } from '#lib/harness/commands.ts'
import { serve } from '#app/api/v1/serve.ts'

export const POST = serve(routes.runs.stop, async (ctx, { params, body }) =>
  tellRefusal(await stopRun(ctx, { runId: params.id, ...body }), runNotOpen),
)
