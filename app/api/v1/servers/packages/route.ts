import { routes } from '#lib/api/routes.ts'
import { requestPackage } from '#lib/registry/commands.ts'
import { serve } from '#app/api/v1/serve.ts'

export const POST = serve(routes.servers.fetchPackage, (ctx, { body }) => requestPackage(ctx, body))
