import { createLimitedToken, listTokens } from '#lib/api/tokens.ts'
import { routes } from '#lib/api/routes.ts'
import { serve } from '#app/api/v1/serve.ts'

export const GET = serve(routes.account.listTokens, async (ctx) => ({ items: await listTokens(ctx) }))
export const POST = serve(routes.account.createToken, (ctx, { body }) => createLimitedToken(ctx, body))
