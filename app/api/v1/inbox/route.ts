import { routes } from '#lib/api/routes.ts'
import { listInbox } from '#lib/notifications/queries.ts'
import { serve } from '#app/api/v1/serve.ts'

export const GET = serve(routes.inbox.list, (ctx, { query }) => listInbox(ctx, query))
