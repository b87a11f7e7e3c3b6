import { pageOf } from '#lib/api/paging.ts'
import { routes } from '#lib/api/routes.ts'
import { listAppConnections } from '#lib/auth/queries.ts'
import { serve } from '#app/api/v1/serve.ts'

export const GET = serve(routes.account.listApps, async (ctx, { query }) => {
  const connections = (await listAppConnections(ctx)).map((connection) => ({
    ...connection,
    createdAt: connection.createdAt.toISOString(),
    expiresAt: connection.expiresAt.toISOString(),
    lastUsedAt: connection.lastUsedAt?.toISOString() ?? null,
  }))
  return pageOf(connections, query, ({ id }) => id)
})
