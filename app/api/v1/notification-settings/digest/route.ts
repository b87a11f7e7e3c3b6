import { routes } from '#lib/api/routes.ts'
import { setDigestTime } from '#lib/notifications/commands.ts'
import { serve } from '#app/api/v1/serve.ts'

export const PUT = serve(routes.notifications.setDigest, (ctx, { body }) => setDigestTime(ctx, body))
