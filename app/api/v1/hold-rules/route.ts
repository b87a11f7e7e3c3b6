import { pageOf } from '#lib/api/paging.ts'
import { routes } from '#lib/api/routes.ts'
import { createHoldRule } from '#lib/guardrails/commands.ts'
import { listHoldRules } from '#lib/guardrails/queries/held-calls.ts'
import { serve } from '#app/api/v1/serve.ts'

export const GET = serve(routes.approvals.listRules, async (ctx, { query: { history, ...page } }) =>
  pageOf(await listHoldRules(ctx, { history }), page, ({ id }) => id),
)
export const POST = serve(routes.approvals.createRule, (ctx, { body }) => createHoldRule(ctx, body))
