'use server'

import { revalidatePath } from 'next/cache'
import { paths } from '#lib/core/paths.ts'
import { approveTools, classifyTool, rejectTool } from '#lib/registry/commands.ts'
import { approveToolsInput, classifyToolInput, rejectToolInput } from '#lib/registry/schema.ts'
import { portalAction } from '#lib/web/action.ts'

export const approve = portalAction(approveToolsInput, async (ctx, input) => {
  const outcome = await approveTools(ctx, input)
  revalidatePath(paths.server(input.serverId))
  return outcome
})

export const classify = portalAction(classifyToolInput, async (ctx, input) => {
  const outcome = await classifyTool(ctx, input)
  revalidatePath(paths.server(input.serverId))
  return outcome
})

export const reject = portalAction(rejectToolInput, async (ctx, input) => {
  const outcome = await rejectTool(ctx, input)
  revalidatePath(paths.server(input.serverId))
  return outcome
})
