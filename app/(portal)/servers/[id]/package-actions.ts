'use server'

import { revalidatePath } from 'next/cache'
import { z } from 'zod'
import { paths } from '#lib/core/paths.ts'
import { updateServer } from '#lib/registry/commands.ts'
import { serverRevision } from '#lib/registry/queries/revisions.ts'
import { updateServerInput } from '#lib/registry/schema.ts'
import { serverCommand } from '#lib/registry/schema/transport.ts'
import { portalAction } from '#lib/web/action.ts'
import { unchangedSince } from '#lib/web/conditional.ts'

const moveInput = updateServerInput.pick({ acknowledged: true }).extend({
  serverId: updateServerInput.shape.id,
  command: serverCommand.required({ package: true }),
  // What is moved is what was compared: not what somebody has made of it since.
  revision: z.string().max(100),
})

export const moveToVersion = portalAction(moveInput, async (ctx, { serverId, revision, ...change }) => {
  const asSeen = unchangedSince(ctx, { read: serverRevision, id: serverId }, revision)
  try {
    await updateServer(asSeen, { id: serverId, ...change })
  } finally {
    // Where it is refused because somebody else was faster, that is shown behind the dialog.
    revalidatePath(paths.server(serverId), 'layout')
  }
})
