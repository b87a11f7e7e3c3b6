import { routes } from '#lib/api/routes.ts'
import { draftPolicySet } from '#lib/guardrails/commands.ts'
import { listPolicySets } from '#lib/guardrails/queries.ts'
import { serve } from '#app/api/v1/serve.ts'

export const GET = serve(routes.policySets.list, (ctx, { query }) => listPolicySets(ctx, query))
export const POST = serve(routes.policySets.create, (ctx, { body }) => draftPolicySet(ctx, body))
