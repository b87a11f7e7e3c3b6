import { routes } from '#lib/api/routes.ts'
import { requestServerProbe } from '#lib/registry/commands.ts'
import { portal } from '#lib/web/db.ts'
import { serve } from '#app/api/v1/serve.ts'

export const POST = serve(routes.servers.probeServer, (ctx, { body }) =>
  requestServerProbe(ctx, { input: body, secretBox: portal().keyring }),
)
