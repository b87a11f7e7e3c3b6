'use server'

import { revalidatePath } from 'next/cache'
import { paths } from '#lib/core/paths.ts'
import { portalAction } from '#lib/web/action.ts'
import { webhookMeans } from '#lib/web/webhook-means.ts'
import {
  createWebhook,
  deleteWebhook,
  replayWebhook,
  rotateWebhookSecret,
  testWebhook,
  updateWebhook,
} from '#lib/webhooks/commands.ts'
import { createWebhookInput, replayInput, updateWebhookInput, webhookIdInput } from '#lib/webhooks/schema.ts'

export const create = portalAction(createWebhookInput, async (ctx, input) => {
  const made = await createWebhook(ctx, input, webhookMeans())
  revalidatePath(paths.webhooks())
  return made
})

export const update = portalAction(updateWebhookInput, async (ctx, input) => {
  await updateWebhook(ctx, input, webhookMeans())
  revalidatePath(paths.webhook(input.webhookId))
})

export const rotate = portalAction(webhookIdInput, async (ctx, input) => {
  const { secret } = await rotateWebhookSecret(ctx, input, webhookMeans())
  revalidatePath(paths.webhook(input.webhookId))
  return { secret }
})

export const sendTest = portalAction(webhookIdInput, async (ctx, input) => {
  const sent = await testWebhook(ctx, input)
  revalidatePath(paths.webhook(input.webhookId))
  return sent
})

export const replay = portalAction(replayInput, async (ctx, input) => {
  const replayed = await replayWebhook(ctx, input)
  revalidatePath(paths.webhook(input.webhookId))
  return replayed
})

export const remove = portalAction(webhookIdInput, async (ctx, input) => {
  await deleteWebhook(ctx, input)
  revalidatePath(paths.webhooks())
})
