'use server'

import { revalidatePath } from 'next/cache'
import { paths } from '#lib/core/paths.ts'
import { startReview } from '#lib/lifecycle/commands.ts'
import { startReviewInput } from '#lib/lifecycle/schema/reviews.ts'
import { portalAction } from '#lib/web/action.ts'

export const start = portalAction(startReviewInput, async (ctx, input) => {
  const made = await startReview(ctx, input)
  revalidatePath(paths.reviews())
  return made
})
