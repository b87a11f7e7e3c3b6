import { routes } from '#lib/api/routes.ts'
import { getDelegation } from '#lib/delegation/queries.ts'
import { serve } from '#app/api/v1/serve.ts'

export const GET = serve(routes.delegations.show, (ctx, { params }) => getDelegation(ctx, params.id))
