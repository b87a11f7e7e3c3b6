'use server'

import { revalidatePath } from 'next/cache'
import { z } from 'zod'
import { ok } from '#lib/core/result.ts'
import { paths } from '#lib/core/paths.ts'
import { cancelPolicyReplay, startPolicyReplay } from '#lib/guardrails/commands.ts'
import { startReplayInput } from '#lib/guardrails/schema/replays.ts'
import { portalAction } from '#lib/web/action.ts'

export const startReplay = portalAction(startReplayInput, async (ctx, input) => {
  const started = await startPolicyReplay(ctx, input)
  revalidatePath(paths.policySet(input.number))
  return ok(started)
})

export const cancelReplay = portalAction(z.strictObject({ replayId: z.uuid() }), async (ctx, input) => {
  await cancelPolicyReplay(ctx, input)
  revalidatePath(paths.guardrails(), 'layout')
  return ok(null)
})
