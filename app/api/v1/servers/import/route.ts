import { routes } from '#lib/api/routes.ts'
import { importServer } from '#lib/registry/commands.ts'
import { serve } from '#app/api/v1/serve.ts'

export const POST = serve(routes.servers.importServer, (ctx, { body }) => importServer(ctx, body))
