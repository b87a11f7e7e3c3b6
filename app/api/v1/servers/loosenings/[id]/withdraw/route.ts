import { routes } from '#lib/api/routes.ts'
import { withdrawLoosening } from '#lib/registry/commands.ts'
import { serve } from '#app/api/v1/serve.ts'

export const POST = serve(routes.servers.withdrawLoosening, (ctx, { params }) =>
  withdrawLoosening(ctx, { looseningId: params.id }),
)
