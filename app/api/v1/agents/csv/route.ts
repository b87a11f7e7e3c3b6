import { exportAgentsCsv } from '#lib/api/export-agents.ts'
import { routes } from '#lib/api/routes.ts'
import { streamed } from '#lib/web/stream.ts'
import { serve } from '#app/api/v1/serve.ts'

export const GET = serve(routes.agents.csv, async (ctx, { query }) => {
  return new Response(await streamed(await exportAgentsCsv(ctx, query)), {
    headers: { 'content-type': 'text/csv; charset=utf-8', 'cache-control': 'no-store' },
  })
})
