import { routes } from '#lib/api/routes.ts'
import { deleteView, saveView } from '#lib/registry/commands.ts'
import { getView } from '#lib/registry/queries.ts'
import { serve } from '#app/api/v1/serve.ts'

export const GET = serve(routes.views.show, (ctx, { params }) => getView(ctx, params.id))
export const PUT = serve(routes.views.replace, (ctx, { params, body }) => saveView(ctx, { ...body, id: params.id }))
export const DELETE = serve(routes.views.remove, (ctx, { params }) => deleteView(ctx, { id: params.id }))
