import { pageOf } from '#lib/api/paging.ts'
import { routes } from '#lib/api/routes.ts'
import { createChannel } from '#lib/notifications/commands.ts'
import { listChannels } from '#lib/notifications/queries.ts'
import { webhookMeans } from '#lib/web/webhook-means.ts'
import { serve } from '#app/api/v1/serve.ts'

export const GET = serve(routes.notifications.listChannels, async (ctx, { query }) =>
  pageOf(await listChannels(ctx), query, ({ id }) => id),
)
export const POST = serve(routes.notifications.createChannel, (ctx, { body }) =>
  createChannel(ctx, body, webhookMeans()),
)
