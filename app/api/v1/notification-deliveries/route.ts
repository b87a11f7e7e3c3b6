import { routes } from '#lib/api/routes.ts'
import { listNotificationDeliveries } from '#lib/notifications/queries.ts'
import { serve } from '#app/api/v1/serve.ts'

export const GET = serve(routes.notifications.deliveries, (ctx, { query }) => listNotificationDeliveries(ctx, query))
