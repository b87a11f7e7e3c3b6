import { routes } from '#lib/api/routes.ts'
import { webhookMeans } from '#lib/web/webhook-means.ts'
import { deleteWebhook, updateWebhook } from '#lib/webhooks/commands.ts'
import { getWebhook } from '#lib/webhooks/queries.ts'
import { serve } from '#app/api/v1/serve.ts'

export const GET = serve(routes.webhooks.show, (ctx, { params }) => getWebhook(ctx, params.id))
export const PATCH = serve(routes.webhooks.update, (ctx, { params, body }) =>
  updateWebhook(ctx, { webhookId: params.id, ...body }, webhookMeans()),
)
export const DELETE = serve(routes.webhooks.remove, (ctx, { params }) => deleteWebhook(ctx, { webhookId: params.id }))
