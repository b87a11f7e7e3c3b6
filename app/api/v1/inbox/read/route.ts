import { routes } from '#lib/api/routes.ts'
import { markAllRead } from '#lib/notifications/commands.ts'
import { serve } from '#app/api/v1/serve.ts'

export const POST = serve(routes.inbox.markAll, (ctx, { body }) => markAllRead(ctx, body))
