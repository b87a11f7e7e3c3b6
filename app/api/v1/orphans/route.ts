import { routes } from '#lib/api/routes.ts'
import { listOrphans } from '#lib/lifecycle/queries.ts'
import { serve } from '#app/api/v1/serve.ts'

export const GET = serve(routes.people.listOrphans, async (ctx, { query }) => await listOrphans(ctx, query))
