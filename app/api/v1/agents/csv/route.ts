import { routes } from '#lib/api/routes.ts'
import { authorize } from '#lib/auth/ctx.ts'
import { catalogRows } from '#lib/registry/queries.ts'
import { agentsCsv } from '#lib/web/agents-csv.ts'
import { streamed } from '#lib/web/stream.ts'
import { serve } from '#app/api/v1/serve.ts'

export const GET = serve(routes.agents.csv, async (ctx, { query: { columns, ...query } }) => {
  authorize(ctx, 'agents:read')
  return new Response(await streamed(agentsCsv(await catalogRows(ctx, query), columns)), {
    headers: { 'content-type': 'text/csv; charset=utf-8', 'cache-control': 'no-store' },
  })
})
