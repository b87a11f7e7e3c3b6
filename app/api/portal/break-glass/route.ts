import { listBreakGlass } from '#lib/scopes/queries.ts'
import { apiRoute } from '#lib/web/route.ts'

export const GET = apiRoute({}, (ctx) => listBreakGlass(ctx, { state: 'in_force', limit: 20 }))
