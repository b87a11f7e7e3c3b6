import { openStops } from '#lib/killswitch/queries.ts'
import { apiRoute } from '#lib/web/route.ts'

export const GET = apiRoute({}, (ctx) => openStops(ctx))
