import { routes } from '#lib/api/routes.ts'
import { confirmLoosening } from '#lib/registry/commands.ts'
import { serve } from '#app/api/v1/serve.ts'

export const POST = serve(routes.servers.confirmLoosening, (ctx, { params }) =>
  confirmLoosening(ctx, { looseningId: params.id }),
)
