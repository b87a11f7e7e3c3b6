import { routes } from '#lib/api/routes.ts'
import { markNotification } from '#lib/notifications/commands.ts'
import { serve } from '#app/api/v1/serve.ts'

export const PATCH = serve(routes.inbox.mark, (ctx, { params, body }) =>
  markNotification(ctx, { notificationId: params.id, ...body }),
)
