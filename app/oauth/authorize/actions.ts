'use server'

import { decideAuthorization } from '#lib/auth/commands/app-consent.ts'
import { takeFromRateLimit } from '#lib/auth/commands/rate-limit.ts'
import { decideAuthorizationInput } from '#lib/auth/schema.ts'
import { portalAction } from '#lib/web/action.ts'
import { appServer } from '#lib/web/app-server.ts'

export const decide = portalAction(decideAuthorizationInput, async (ctx, input) => {
  await takeFromRateLimit(ctx.db, { key: `app-consent:${ctx.actor.id}`, limit: 20, windowMs: 60 * 60_000 })
  return await decideAuthorization(ctx, { server: appServer(), ...input })
})
