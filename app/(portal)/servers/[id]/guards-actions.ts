'use server'

import { revalidatePath } from 'next/cache'
import { paths } from '#lib/core/paths.ts'
import { setServerGuards } from '#lib/guardrails/commands.ts'
import { setServerGuardsInput } from '#lib/guardrails/schema/server-guards.ts'
import { portalAction } from '#lib/web/action.ts'

export const setGuards = portalAction(setServerGuardsInput, async (ctx, input) => {
  const outcome = await setServerGuards(ctx, input)
  revalidatePath(paths.server(input.serverId))
  return outcome
})
