import { listKeys, rotateKey } from '#lib/api/keys.ts'
import { pageOf } from '#lib/api/paging.ts'
import { routes } from '#lib/api/routes.ts'
import { tokenIssuer } from '#lib/web/token-issuer.ts'
import { serve } from '#app/api/v1/serve.ts'

export const GET = serve(routes.keys.listSigningKeys, async (ctx, { query }) =>
  pageOf(await listKeys(ctx), query, ({ kid }) => kid),
)
export const POST = serve(routes.keys.rotateSigningKey, (ctx, { body }) =>
  rotateKey(ctx, { ...body, secretBox: tokenIssuer().secretBox }),
)
