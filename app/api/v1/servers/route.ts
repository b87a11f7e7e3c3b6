import { pageOf } from '#lib/api/paging.ts'
import { routes } from '#lib/api/routes.ts'
import { registerServer } from '#lib/registry/commands.ts'
import { listServers } from '#lib/registry/queries.ts'
import { serve } from '#app/api/v1/serve.ts'

export const GET = serve(routes.registry.listServers, async (ctx, { query }) =>
  pageOf(await listServers(ctx), query, ({ id }) => id),
)

export const POST = serve(routes.servers.registerServer, async (ctx, { body }) => {
  await registerServer(ctx, body)
  return { id: body.id }
})
