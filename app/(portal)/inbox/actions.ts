'use server'

import { revalidatePath } from 'next/cache'
import { paths } from '#lib/core/paths.ts'
import { markAllRead, markNotification } from '#lib/notifications/commands.ts'
import { markAllInput, markNotificationInput } from '#lib/notifications/schema.ts'
import { portalAction } from '#lib/web/action.ts'

export const mark = portalAction(markNotificationInput, async (ctx, input) => {
  await markNotification(ctx, input)
  revalidatePath(paths.inbox())
})

export const markAll = portalAction(markAllInput, async (ctx, input) => {
  const marked = await markAllRead(ctx, input)
  revalidatePath(paths.inbox())
  return marked
})
