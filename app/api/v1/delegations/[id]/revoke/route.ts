import { routes } from '#lib/api/routes.ts'
import { revokeDelegation } from '#lib/delegation/commands.ts'
import { serve } from '#app/api/v1/serve.ts'

export const POST = serve(routes.delegations.revoke, (ctx, { params }) =>
  revokeDelegation(ctx, { delegationId: params.id }),
)
