import { pageOf } from '#lib/api/paging.ts'
import { routes } from '#lib/api/routes.ts'
import { createApprovalRule } from '#lib/scopes/commands.ts'
import { listApprovalRules } from '#lib/scopes/queries.ts'
import { serve } from '#app/api/v1/serve.ts'

export const GET = serve(routes.scopes.listApprovalRules, async (ctx, { query }) =>
  pageOf(await listApprovalRules(ctx), query, ({ id }) => id ?? ''),
)
export const POST = serve(routes.scopes.createApprovalRule, (ctx, { body }) => createApprovalRule(ctx, body))
