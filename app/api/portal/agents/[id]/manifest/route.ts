import { z } from 'zod'
import { exportManifest } from '#lib/lifecycle/queries.ts'
import { apiRoute } from '#lib/web/route.ts'

/** The registry entry as the YAML file that imports to the same agent. */
export const GET = apiRoute({ params: z.object({ id: z.string().max(100) }) }, async (ctx, { params }) => {
  const yaml = await exportManifest(ctx, params.id)
  return new Response(yaml, {
    headers: {
      'content-type': 'application/yaml; charset=utf-8',
      'content-disposition': `attachment; filename="${params.id.replace(/[^a-z0-9-]/g, '')}.yaml"`,
      'cache-control': 'no-store',
    },
  })
})
