import { pageOf } from '#lib/api/paging.ts'
import { routes } from '#lib/api/routes.ts'
import { saveView } from '#lib/registry/commands.ts'
import { listViews } from '#lib/registry/queries.ts'
import { serve } from '#app/api/v1/serve.ts'

export const GET = serve(routes.views.list, async (ctx, { query }) =>
  pageOf(await listViews(ctx), query, ({ id }) => id),
)
export const POST = serve(routes.views.create, (ctx, { body }) => saveView(ctx, body))
