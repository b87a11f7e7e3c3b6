import { routes } from '#lib/api/routes.ts'
import { getPerson } from '#lib/registry/queries.ts'
import { serve } from '#app/api/v1/serve.ts'

export const GET = serve(routes.people.show, (ctx, { params }) => getPerson(ctx, params.id))
