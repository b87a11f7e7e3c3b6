'use server'

import { revalidatePath } from 'next/cache'
import { paths } from '#lib/core/paths.ts'
import { reviewBreakGlass, revokeGrant } from '#lib/scopes/commands.ts'
import { revokeGrantInput } from '#lib/scopes/schema.ts'
import { reviewBreakGlassInput } from '#lib/scopes/schema/break-glass.ts'
import { portalAction } from '#lib/web/action.ts'

export const revokeEmergency = portalAction(revokeGrantInput, async (ctx, input) => {
  const outcome = await revokeGrant(ctx, input)
  revalidatePath(paths.breakGlass())
  return outcome
})

export const review = portalAction(reviewBreakGlassInput, async (ctx, input) => {
  const outcome = await reviewBreakGlass(ctx, input)
  revalidatePath(paths.breakGlass())
  return outcome
})
