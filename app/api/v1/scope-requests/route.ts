import { routes } from '#lib/api/routes.ts'
import { requestScope } from '#lib/scopes/commands.ts'
import { listScopeRequests } from '#lib/scopes/queries.ts'
import { serve } from '#app/api/v1/serve.ts'

export const GET = serve(routes.scopes.list, (ctx, { query }) => listScopeRequests(ctx, query))
export const POST = serve(routes.scopes.request, (ctx, { body }) => requestScope(ctx, body))
