import { routes } from '#lib/api/routes.ts'
import { testMail } from '#lib/notifications/commands.ts'
import { portal } from '#lib/web/db.ts'
import { serve } from '#app/api/v1/serve.ts'

export const POST = serve(routes.notifications.testMail, (ctx) =>
  testMail(ctx, { mail: portal().config.mailFrom !== null }),
)
