'use server'

import { revalidatePath } from 'next/cache'
import { paths } from '#lib/core/paths.ts'
import { decideReview, endReview } from '#lib/lifecycle/commands.ts'
import { decideReviewInput, endReviewInput } from '#lib/lifecycle/schema/reviews.ts'
import { portalAction } from '#lib/web/action.ts'

export const decide = portalAction(decideReviewInput, async (ctx, input) => {
  const outcome = await decideReview(ctx, input)
  revalidatePath(paths.review(input.campaignId))
  return outcome
})

export const end = portalAction(endReviewInput, async (ctx, input) => {
  const outcome = await endReview(ctx, input)
  revalidatePath(paths.review(input.campaignId))
  return outcome
})
