import { routes } from '#lib/api/routes.ts'
import { replayWebhook } from '#lib/webhooks/commands.ts'
import { serve } from '#app/api/v1/serve.ts'

export const POST = serve(routes.webhooks.replay, (ctx, { params, body }) =>
  replayWebhook(ctx, { webhookId: params.id, ...body }),
)
