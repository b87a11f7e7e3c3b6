import { routes } from '#lib/api/routes.ts'
import { listWaitingRequests } from '#lib/scopes/queries.ts'
import { serve } from '#app/api/v1/serve.ts'

export const GET = serve(routes.scopes.waiting, (ctx, { query }) => listWaitingRequests(ctx, query))
