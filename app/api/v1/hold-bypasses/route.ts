import { pageOf } from '#lib/api/paging.ts'
import { routes } from '#lib/api/routes.ts'
import { listHoldBypasses } from '#lib/guardrails/queries/hold-bypasses.ts'
import { serve } from '#app/api/v1/serve.ts'

export const GET = serve(routes.approvals.listBypasses, async (ctx, { query: { state, ...page } }) =>
  pageOf(await listHoldBypasses(ctx, { state }), page, ({ id }) => id),
)
