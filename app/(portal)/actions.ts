'use server'

import { cookies } from 'next/headers'
import { redirect } from 'next/navigation'
import { z } from 'zod'
import { signOut as endSession } from '#lib/auth/commands/sign-in.ts'
import { paths } from '#lib/core/paths.ts'
import * as killswitch from '#lib/killswitch/commands.ts'
import { orderStopInput } from '#lib/killswitch/schema.ts'
import { portalAction } from '#lib/web/action.ts'
import { sessionCookieName, sessionCookieOptions } from '#lib/web/cookie.ts'
import { portal } from '#lib/web/db.ts'
import { browserSession } from '#lib/web/session.ts'

export const orderStop = portalAction(orderStopInput, (ctx, input) => killswitch.orderStop(ctx, input))

export const signOut = portalAction(z.void(), async (ctx) => {
  const { sessionId } = await browserSession()
  if (sessionId) await endSession(ctx, { sessionId })
  const { url } = portal().config
  ;(await cookies()).set(sessionCookieName(url), '', { ...sessionCookieOptions(url), maxAge: 0 })
  redirect(paths.signIn())
})
