import { pageOf } from '#lib/api/paging.ts'
import { routes } from '#lib/api/routes.ts'
import { draftPolicySet } from '#lib/guardrails/commands.ts'
import { listPolicySets } from '#lib/guardrails/queries.ts'
import { serve } from '#app/api/v1/serve.ts'

export const GET = serve(routes.policySets.list, async (ctx, { query }) =>
  pageOf(await listPolicySets(ctx), query, ({ number }) => String(number)),
)
export const POST = serve(routes.policySets.create, (ctx, { body }) => draftPolicySet(ctx, body))
