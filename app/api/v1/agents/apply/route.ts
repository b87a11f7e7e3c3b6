import { routes } from '#lib/api/routes.ts'
import { applyManifest, refuseManifestProblems } from '#lib/lifecycle/commands.ts'
import { serve } from '#app/api/v1/serve.ts'

export const POST = serve(routes.agents.apply, async (ctx, { query, body }) =>
  refuseManifestProblems(await applyManifest(ctx, body, query)),
)
