import { routes } from '#lib/api/routes.ts'
import { askForScope } from '#lib/lifecycle/commands.ts'
import { listScopeRequests } from '#lib/scopes/queries.ts'
import { serve } from '#app/api/v1/serve.ts'

export const GET = serve(routes.scopes.list, (ctx, { query }) => listScopeRequests(ctx, query))
export const POST = serve(routes.scopes.request, (ctx, { body }) => askForScope(ctx, body))
