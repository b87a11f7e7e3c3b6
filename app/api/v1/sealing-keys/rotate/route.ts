import { routes } from '#lib/api/routes.ts'
import { rotateKeys } from '#lib/keys/commands.ts'
import { portal } from '#lib/web/db.ts'
import { serve } from '#app/api/v1/serve.ts'

export const POST = serve(routes.registry.rotateSealingKey, (ctx, { body }) =>
  rotateKeys(ctx, { input: body, keyring: portal().keyring }),
)
