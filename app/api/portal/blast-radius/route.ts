import { blastRadius } from '#lib/killswitch/queries.ts'
import { stopTarget } from '#lib/killswitch/schema.ts'
import { apiRoute } from '#lib/web/route.ts'

export const GET = apiRoute({ query: stopTarget }, (ctx, { query }) => blastRadius(ctx, query))
