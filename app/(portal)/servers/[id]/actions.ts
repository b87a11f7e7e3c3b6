'use server'

import { revalidatePath } from 'next/cache'
import { paths } from '#lib/core/paths.ts'
import { approveTool, classifyTool } from '#lib/registry/commands.ts'
import { approveToolInput, classifyToolInput } from '#lib/registry/schema.ts'
import { portalAction } from '#lib/web/action.ts'

export const approve = portalAction(approveToolInput, async (ctx, input) => {
  const outcome = await approveTool(ctx, input)
  revalidatePath(paths.server(input.serverId))
  return outcome
})

export const classify = portalAction(classifyToolInput, async (ctx, input) => {
  const outcome = await classifyTool(ctx, input)
  revalidatePath(paths.server(input.serverId))
  return outcome
})
