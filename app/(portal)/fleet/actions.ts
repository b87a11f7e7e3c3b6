'use server'

import { revalidatePath } from 'next/cache'
import { paths } from '#lib/core/paths.ts'
import { retireAgent } from '#lib/lifecycle/commands.ts'
import { moveAgentInput } from '#lib/lifecycle/schema.ts'
import { portalAction } from '#lib/web/action.ts'

export const retire = portalAction(moveAgentInput, async (ctx, input) => {
  const outcome = await retireAgent(ctx, input)
  if (outcome.ok) revalidatePath(paths.fleet())
  return outcome
})
