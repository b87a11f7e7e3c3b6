import { routes } from '#lib/api/routes.ts'
import { deleteChannel, updateChannel } from '#lib/notifications/commands.ts'
import { webhookMeans } from '#lib/web/webhook-means.ts'
import { getChannel } from '#lib/notifications/queries.ts'
import { serve } from '#app/api/v1/serve.ts'

export const GET = serve(routes.notifications.showChannel, (ctx, { params }) => getChannel(ctx, params.id))
export const PATCH = serve(routes.notifications.updateChannel, (ctx, { params, body }) =>
  updateChannel(ctx, { channelId: params.id, ...body }, webhookMeans()),
)
export const DELETE = serve(routes.notifications.deleteChannel, (ctx, { params }) =>
  deleteChannel(ctx, { channelId: params.id }),
)
