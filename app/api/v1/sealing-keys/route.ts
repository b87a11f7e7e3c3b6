import { routes } from '#lib/api/routes.ts'
import { getKeys } from '#lib/keys/queries.ts'
import { portal } from '#lib/web/db.ts'
import { serve } from '#app/api/v1/serve.ts'

export const GET = serve(routes.registry.showSealingKeys, (ctx) => getKeys(ctx, { keyring: portal().keyring }))
