'use server'

import { revalidatePath } from 'next/cache'
import { paths } from '#lib/core/paths.ts'
import { updateServer } from '#lib/registry/commands.ts'
import { updateServerInput } from '#lib/registry/schema.ts'
import { portalAction } from '#lib/web/action.ts'

const setStatusInput = updateServerInput
  .pick({ status: true })
  .required()
  .extend({ serverId: updateServerInput.shape.id })

export const setStatus = portalAction(setStatusInput, async (ctx, { serverId, status }) => {
  await updateServer(ctx, { id: serverId, status })
  revalidatePath(paths.server(serverId), 'layout')
})
