'use server'

import { cookies, headers } from 'next/headers'
import { redirect } from 'next/navigation'
import { z } from 'zod'
import { takeFromRateLimit } from '#lib/auth/commands/rate-limit.ts'
import { signInAsPersona } from '#lib/auth/commands/sign-in.ts'
import { portalAction } from '#lib/web/action.ts'
import { sealSessionId, sessionCookieName, sessionCookieOptions, sessionSeconds } from '#lib/web/cookie.ts'
import { portal } from '#lib/web/db.ts'
import { ownPath } from '#lib/web/own-path.ts'
import { signInLimits } from '#lib/web/attempt-limits.ts'

const input = z.strictObject({ personId: z.uuid(), next: z.string().max(2000) })

/** Signs in as a demo person and goes on to where one wanted to go. */
export const signInAs = portalAction(input, async (ctx, { personId, next }) => {
  const { config, db } = portal()
  const head = await headers()
  for (const use of signInLimits(head)) await takeFromRateLimit(db, use)
  const outcome = await signInAsPersona(ctx, {
    personId,
    personasAllowed: config.demo,
    userAgent: head.get('user-agent'),
  })
  if (!outcome.ok) return outcome
  const cookie = await sealSessionId(config, outcome.value.sessionId)
  ;(await cookies()).set(sessionCookieName(config.url), cookie, {
    ...sessionCookieOptions(config.url),
    maxAge: sessionSeconds,
  })
  redirect(ownPath(next))
})
