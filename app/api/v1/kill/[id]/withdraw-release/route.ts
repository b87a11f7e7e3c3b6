import { notWithdrawn, tellRefusal } from '#lib/api/refusals.ts'
import { routes } from '#lib/api/routes.ts'
import { withdrawRelease } from '#lib/killswitch/commands.ts'
import { serve } from '#app/api/v1/serve.ts'

export const POST = serve(routes.control.withdrawRelease, async (ctx, { params }) =>
  tellRefusal(await withdrawRelease(ctx, { orderId: params.id }), notWithdrawn),
)
