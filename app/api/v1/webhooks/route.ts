import { pageOf } from '#lib/api/paging.ts'
import { routes } from '#lib/api/routes.ts'
import { webhookMeans } from '#lib/web/webhook-means.ts'
import { createWebhook } from '#lib/webhooks/commands.ts'
import { listWebhooks } from '#lib/webhooks/queries.ts'
import { serve } from '#app/api/v1/serve.ts'

export const GET = serve(routes.webhooks.list, async (ctx, { query }) =>
  pageOf(await listWebhooks(ctx), query, ({ id }) => id),
)
export const POST = serve(routes.webhooks.create, (ctx, { body }) => createWebhook(ctx, body, webhookMeans()))
