'use server'

import { revalidatePath } from 'next/cache'
import { paths } from '#lib/core/paths.ts'
import {
  createChannel,
  deleteChannel,
  setDigestTime,
  setPreferences,
  testChannel,
  testMail,
  updateChannel,
} from '#lib/notifications/commands.ts'
import {
  channelIdInput,
  createChannelInput,
  noInput,
  setDigestTimeInput,
  setPreferencesInput,
  updateChannelInput,
} from '#lib/notifications/schema/settings.ts'
import { portalAction } from '#lib/web/action.ts'
import { portal } from '#lib/web/db.ts'
import { webhookMeans } from '#lib/web/webhook-means.ts'

export const choose = portalAction(setPreferencesInput, async (ctx, input) => {
  await setPreferences(ctx, input)
  revalidatePath(paths.notificationSettings())
})

export const setDigest = portalAction(setDigestTimeInput, async (ctx, input) => {
  await setDigestTime(ctx, input)
  revalidatePath(paths.notificationSettings())
})

export const mailTest = portalAction(noInput, async (ctx) => {
  const sent = await testMail(ctx, { mail: portal().config.mailFrom !== null })
  revalidatePath(paths.notificationSettings())
  return sent
})

export const addChannel = portalAction(createChannelInput, async (ctx, input) => {
  const made = await createChannel(ctx, input, webhookMeans())
  revalidatePath(paths.notificationSettings())
  return made
})

export const changeChannel = portalAction(updateChannelInput, async (ctx, input) => {
  await updateChannel(ctx, input, webhookMeans())
  revalidatePath(paths.notificationSettings())
})

export const channelTest = portalAction(channelIdInput, async (ctx, input) => {
  const sent = await testChannel(ctx, input)
  revalidatePath(paths.notificationSettings())
  return sent
})

export const removeChannel = portalAction(channelIdInput, async (ctx, input) => {
  await deleteChannel(ctx, input)
  revalidatePath(paths.notificationSettings())
})
