import { routes } from '#lib/api/routes.ts'
import { endReview } from '#lib/lifecycle/commands.ts'
import { serve } from '#app/api/v1/serve.ts'

export const POST = serve(routes.reviews.end, (ctx, { params }) => endReview(ctx, { campaignId: params.id }))
