import { routes } from '#lib/api/routes.ts'
import { listWebhookDeliveries } from '#lib/webhooks/queries.ts'
import { serve } from '#app/api/v1/serve.ts'

export const GET = serve(routes.webhooks.deliveries, (ctx, { params, query }) =>
  listWebhookDeliveries(ctx, params.id, query),
)
