import { routes } from '#lib/api/routes.ts'
import { getReview } from '#lib/lifecycle/queries.ts'
import { serve } from '#app/api/v1/serve.ts'

export const GET = serve(routes.reviews.show, (ctx, { params, query }) =>
  getReview(ctx, { campaignId: params.id, ...query }),
)
