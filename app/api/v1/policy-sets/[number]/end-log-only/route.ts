import { routes } from '#lib/api/routes.ts'
import { endLogOnly } from '#lib/guardrails/commands.ts'
import { serve } from '#app/api/v1/serve.ts'

export const POST = serve(routes.policySets.endLogOnly, (ctx, { params }) => endLogOnly(ctx, params))
