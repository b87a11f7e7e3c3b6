import { routes } from '#lib/api/routes.ts'
import { testChannel } from '#lib/notifications/commands.ts'
import { serve } from '#app/api/v1/serve.ts'

export const POST = serve(routes.notifications.testChannel, (ctx, { params }) =>
  testChannel(ctx, { channelId: params.id }),
)
