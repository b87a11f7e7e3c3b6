import { routes } from '#lib/api/routes.ts'
import { webhookMeans } from '#lib/web/webhook-means.ts'
import { rotateWebhookSecret } from '#lib/webhooks/commands.ts'
import { serve } from '#app/api/v1/serve.ts'

export const POST = serve(routes.webhooks.rotate, async (ctx, { params }) => {
  const { secret, previousUntil } = await rotateWebhookSecret(ctx, { webhookId: params.id }, webhookMeans())
  return { secret, previousUntil: previousUntil.toISOString() }
})
