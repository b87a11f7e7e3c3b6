import { routes } from '#lib/api/routes.ts'
import { deactivatePerson } from '#lib/auth/commands/people.ts'
import { serve } from '#app/api/v1/serve.ts'

export const POST = serve(routes.people.deactivate, (ctx, { params, body }) =>
  deactivatePerson(ctx, { personId: params.id, ...body }),
)
