import { routes } from '#lib/api/routes.ts'
import { decideReview } from '#lib/lifecycle/commands.ts'
import { serve } from '#app/api/v1/serve.ts'

export const POST = serve(routes.reviews.decide, (ctx, { params, body }) =>
  decideReview(ctx, { ...body, campaignId: params.id }),
)
