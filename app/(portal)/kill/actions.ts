'use server'

import { revalidatePath } from 'next/cache'
import { notReleased, tellRefusal } from '#lib/api/refusals.ts'
import { paths } from '#lib/core/paths.ts'
import { releaseStop } from '#lib/killswitch/commands.ts'
import { releaseStopInput } from '#lib/killswitch/schema.ts'
import { portalAction } from '#lib/web/action.ts'

export const releaseAction = portalAction(releaseStopInput, async (ctx, input) => {
  const outcome = await releaseStop(ctx, input)
  if (outcome.ok) revalidatePath(paths.home(), 'layout')
  return tellRefusal(outcome, notReleased)
})
