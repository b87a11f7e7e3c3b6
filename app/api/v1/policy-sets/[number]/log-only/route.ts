import { routes } from '#lib/api/routes.ts'
import { startLogOnly } from '#lib/guardrails/commands.ts'
import { serve } from '#app/api/v1/serve.ts'

export const POST = serve(routes.policySets.startLogOnly, (ctx, { params }) => startLogOnly(ctx, params))
