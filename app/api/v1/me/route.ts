import { whoIs } from '#lib/api/me.ts'
import { routes } from '#lib/api/routes.ts'
import { serve } from '#app/api/v1/serve.ts'

export const GET = serve(routes.account.me, async (ctx) => whoIs(ctx))
