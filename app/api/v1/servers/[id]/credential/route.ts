import { routes } from '#lib/api/routes.ts'
import { setServerCredential } from '#lib/registry/commands.ts'
import { portal } from '#lib/web/db.ts'
import { serve } from '#app/api/v1/serve.ts'

export const PUT = serve(routes.registry.setServerCredential, (ctx, { params, body }) =>
  setServerCredential(ctx, { input: { ...body, serverId: params.id }, secretBox: portal().keyring }),
)
