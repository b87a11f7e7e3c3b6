import { notReleased, tellRefusal } from '#lib/api/refusals.ts'
import { routes } from '#lib/api/routes.ts'
import { releaseStop } from '#lib/killswitch/commands.ts'
import { serve } from '#app/api/v1/serve.ts'

export const POST = serve(routes.control.releaseStop, async (ctx, { params, body }) =>
  tellRefusal(await releaseStop(ctx, { orderId: params.id, ...body }), notReleased),
)
