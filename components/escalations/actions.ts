'use server'

import { revalidatePath } from 'next/cache'
import { resolveEscalation } from '#lib/harness/commands.ts'
import { resolveEscalationInput } from '#lib/harness/schema.ts'
import { portalAction } from '#lib/web/action.ts'

export const resolveEscalationAction = portalAction(resolveEscalationInput, async (ctx, input) => {
  const outcome = await resolveEscalation(ctx, input)
  revalidatePath('/', 'layout')
  return outcome
})
