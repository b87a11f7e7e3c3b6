import { pageOf } from '#lib/api/paging.ts'
import { routes } from '#lib/api/routes.ts'
import { listAgentVersions } from '#lib/registry/queries.ts'
import { serve } from '#app/api/v1/serve.ts'

export const GET = serve(routes.agents.versions, async (ctx, { params, query }) =>
  pageOf(await listAgentVersions(ctx, params.id), query, ({ version }) => String(version)),
)
