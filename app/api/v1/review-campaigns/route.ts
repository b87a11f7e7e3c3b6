import { routes } from '#lib/api/routes.ts'
import { startReview } from '#lib/lifecycle/commands.ts'
import { listReviews } from '#lib/lifecycle/queries.ts'
import { serve } from '#app/api/v1/serve.ts'

export const GET = serve(routes.reviews.list, (ctx, { query }) => listReviews(ctx, query))

export const POST = serve(routes.reviews.start, (ctx, { body }) => startReview(ctx, body))
