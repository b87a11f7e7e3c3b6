import { routes } from '#lib/api/routes.ts'
import { listHeldCalls } from '#lib/guardrails/queries/held-calls.ts'
import { serve } from '#app/api/v1/serve.ts'

export const GET = serve(routes.approvals.list, (ctx, { query }) => listHeldCalls(ctx, query))
