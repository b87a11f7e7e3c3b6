import { createLimitedToken, listTokens } from '#lib/api/tokens.ts'
import { pageOf } from '#lib/api/paging.ts'
import { routes } from '#lib/api/routes.ts'
import { serve } from '#app/api/v1/serve.ts'

export const GET = serve(routes.account.listTokens, async (ctx, { query }) =>
  pageOf(await listTokens(ctx), query, ({ id }) => id),
)
export const POST = serve(routes.account.createToken, (ctx, { body }) => createLimitedToken(ctx, body))
