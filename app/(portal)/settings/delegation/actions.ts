'use server'

import { revalidatePath } from 'next/cache'
import { paths } from '#lib/core/paths.ts'
import { createDelegation, revokeDelegation } from '#lib/delegation/commands.ts'
import { createDelegationInput, revokeDelegationInput } from '#lib/delegation/schema.ts'
import { portalAction } from '#lib/web/action.ts'

export const nameDelegate = portalAction(createDelegationInput, async (ctx, input) => {
  const outcome = await createDelegation(ctx, input)
  revalidatePath(paths.delegation())
  return outcome
})

export const endDelegation = portalAction(revokeDelegationInput, async (ctx, input) => {
  const outcome = await revokeDelegation(ctx, input)
  revalidatePath(paths.delegation())
  return outcome
})
