import { routes } from '#lib/api/routes.ts'
import { testWebhook } from '#lib/webhooks/commands.ts'
import { serve } from '#app/api/v1/serve.ts'

export const POST = serve(routes.webhooks.test, (ctx, { params }) => testWebhook(ctx, { webhookId: params.id }))
