import { listKeys, rotateKey } from '#lib/api/keys.ts'
import { routes } from '#lib/api/routes.ts'
import { tokenIssuer } from '#lib/web/token-issuer.ts'
import { serve } from '#app/api/v1/serve.ts'

export const GET = serve(routes.keys.listSigningKeys, async (ctx) => ({ items: await listKeys(ctx) }))
export const POST = serve(routes.keys.rotateSigningKey, (ctx, { body }) =>
  rotateKey(ctx, { ...body, secretBox: tokenIssuer().secretBox }),
)
