'use server'

import { revalidatePath } from 'next/cache'
import { z } from 'zod'
import { paths } from '#lib/core/paths.ts'
import { updateServer } from '#lib/registry/commands.ts'
import { serverRevision } from '#lib/registry/queries/revisions.ts'
import { updateServerInput } from '#lib/registry/schema.ts'
import { portalAction } from '#lib/web/action.ts'
import { unchangedSince } from '#lib/web/conditional.ts'

const setStatusInput = updateServerInput
  .pick({ status: true, reason: true })
  .required({ status: true })
  .extend({ serverId: updateServerInput.shape.id })

export const setStatus = portalAction(setStatusInput, async (ctx, { serverId, ...change }) => {
  await updateServer(ctx, { id: serverId, ...change })
  revalidatePath(paths.server(serverId), 'layout')
})

const changeInput = updateServerInput
  .pick({
    name: true,
    description: true,
    url: true,
    command: true,
    environment: true,
    sensitivity: true,
    acknowledged: true,
  })
  .extend({
    serverId: updateServerInput.shape.id,
    // What is changed is what the page has shown: not what somebody has made of it since.
    revision: z.string().max(100),
  })

export const changeServer = portalAction(changeInput, async (ctx, { serverId, revision, ...change }) => {
  const asSeen = unchangedSince(ctx, { read: serverRevision, id: serverId }, revision)
  try {
    return await updateServer(asSeen, { id: serverId, ...change })
  } finally {
    // Where it is refused because somebody else was faster, that is shown behind the dialog.
    revalidatePath(paths.server(serverId), 'layout')
  }
})
