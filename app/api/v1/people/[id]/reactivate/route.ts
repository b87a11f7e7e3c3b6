import { routes } from '#lib/api/routes.ts'
import { reactivatePerson } from '#lib/auth/commands/people.ts'
import { serve } from '#app/api/v1/serve.ts'

export const POST = serve(routes.people.reactivate, (ctx, { params, body }) =>
  reactivatePerson(ctx, { personId: params.id, ...body }),
)
