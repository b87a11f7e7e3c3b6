import { routes } from '#lib/api/routes.ts'
import { draftPolicySet } from '#lib/guardrails/commands.ts'
import { getPolicySet } from '#lib/guardrails/queries.ts'
import { serve } from '#app/api/v1/serve.ts'

export const GET = serve(routes.policySets.show, (ctx, { params }) => getPolicySet(ctx, params.number))
export const PUT = serve(routes.policySets.edit, (ctx, { params, body }) => draftPolicySet(ctx, { ...params, ...body }))
