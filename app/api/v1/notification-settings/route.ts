import { routes } from '#lib/api/routes.ts'
import { getNotificationSettings } from '#lib/notifications/queries.ts'
import { portal } from '#lib/web/db.ts'
import { serve } from '#app/api/v1/serve.ts'

export const GET = serve(routes.notifications.settings, (ctx) => getNotificationSettings(ctx, portal().config))
