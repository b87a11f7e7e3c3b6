'use server'

import { revalidatePath } from 'next/cache'
import { paths } from '#lib/core/paths.ts'
import { dismissUnregistered } from '#lib/registry/commands.ts'
import { dismissUnregisteredInput } from '#lib/registry/schema/unregistered.ts'
import { portalAction } from '#lib/web/action.ts'

export const dismiss = portalAction(dismissUnregisteredInput, async (ctx, input) => {
  const outcome = await dismissUnregistered(ctx, input)
  if (outcome.ok) revalidatePath(paths.unregistered())
  return outcome
})
