import { routes } from '#lib/api/routes.ts'
import { setPreferences } from '#lib/notifications/commands.ts'
import { serve } from '#app/api/v1/serve.ts'

export const PUT = serve(routes.notifications.setPreferences, (ctx, { body }) => setPreferences(ctx, body))
