import { exportedRows } from '#lib/api/export-agents.ts'
import { routes } from '#lib/api/routes.ts'
import { agentsCsv } from '#lib/web/agents-csv.ts'
import { streamed } from '#lib/web/stream.ts'
import { serve } from '#app/api/v1/serve.ts'

export const GET = serve(routes.agents.csv, async (ctx, { query: { columns, ...query } }) => {
  return new Response(await streamed(agentsCsv(await exportedRows(ctx, query), columns)), {
    headers: { 'content-type': 'text/csv; charset=utf-8', 'cache-control': 'no-store' },
  })
})
