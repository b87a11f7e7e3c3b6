import { routes } from '#lib/api/routes.ts'
import { markReviewed } from '#lib/lifecycle/commands.ts'
import { serve } from '#app/api/v1/serve.ts'

export const POST = serve(routes.agents.review, (ctx, { params }) => markReviewed(ctx, { agentId: params.id }))
