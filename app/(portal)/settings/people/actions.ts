'use server'

import { revalidatePath } from 'next/cache'
import { deactivatePerson, reactivatePerson } from '#lib/auth/commands/people.ts'
import { personMoveInput } from '#lib/auth/schema.ts'
import { paths } from '#lib/core/paths.ts'
import { portalAction } from '#lib/web/action.ts'

export const deactivate = portalAction(personMoveInput, async (ctx, input) => {
  const outcome = await deactivatePerson(ctx, input)
  revalidatePath(paths.people())
  return outcome
})

export const reactivate = portalAction(personMoveInput, async (ctx, input) => {
  const outcome = await reactivatePerson(ctx, input)
  revalidatePath(paths.people())
  return outcome
})
