'use server'

import { revalidatePath } from 'next/cache'
import { takeFromRateLimit } from '#lib/auth/commands/rate-limit.ts'
import { createAccessToken, revokeAccessToken } from '#lib/auth/commands/tokens.ts'
import { createAccessTokenInput, revokeAccessTokenInput } from '#lib/auth/schema.ts'
import { paths } from '#lib/core/paths.ts'
import { portalAction } from '#lib/web/action.ts'

export const createToken = portalAction(createAccessTokenInput, async (ctx, input) => {
  await takeFromRateLimit(ctx.db, { key: `new-token:${ctx.actor.id}`, limit: 20, windowMs: 60 * 60_000 })
  const made = await createAccessToken(ctx, input)
  revalidatePath(paths.tokens())
  return made
})

export const revokeToken = portalAction(revokeAccessTokenInput, async (ctx, input) => {
  await revokeAccessToken(ctx, input)
  revalidatePath(paths.tokens())
})
