'use server'

import { revalidatePath } from 'next/cache'
import { paths } from '#lib/core/paths.ts'
import { setServerBoundary } from '#lib/registry/commands.ts'
import { setServerBoundaryInput } from '#lib/registry/schema/processes.ts'
import { portalAction } from '#lib/web/action.ts'

export const setBoundary = portalAction(setServerBoundaryInput, async (ctx, input) => {
  const outcome = await setServerBoundary(ctx, input)
  revalidatePath(paths.server(input.serverId))
  return outcome
})
