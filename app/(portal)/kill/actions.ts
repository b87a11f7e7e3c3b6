'use server'

import { revalidatePath } from 'next/cache'
import { notReleased, notWithdrawn, tellRefusal } from '#lib/api/refusals.ts'
import { paths } from '#lib/core/paths.ts'
import { releaseStop, withdrawRelease } from '#lib/killswitch/commands.ts'
import { releaseStopInput, withdrawReleaseInput } from '#lib/killswitch/schema.ts'
import { portalAction } from '#lib/web/action.ts'

export const releaseAction = portalAction(releaseStopInput, async (ctx, input) => {
  const outcome = await releaseStop(ctx, input)
  if (outcome.ok) revalidatePath(paths.home(), 'layout')
  return tellRefusal(outcome, notReleased)
})

export const withdrawReleaseAction = portalAction(withdrawReleaseInput, async (ctx, input) => {
  const outcome = await withdrawRelease(ctx, input)
  revalidatePath(paths.home(), 'layout')
  return tellRefusal(outcome, notWithdrawn)
})
