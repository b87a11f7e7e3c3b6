import { cookies, headers } from 'next/headers'
import { cache } from 'react'
import { anonymous, type Actor, type Ctx } from '#lib/auth/ctx.ts'
import { actorForSession } from '#lib/auth/queries.ts'
import { newRequestId } from '#lib/core/ids.ts'
import { openSessionCookie, sessionCookieName } from './cookie.ts'
import { portal } from './db.ts'
import { requestHeader } from './request-headers.ts'

/** The browser session's id and person, read from the database once per request; anonymous when there is none in force. */
export const browserSession = cache(async (): Promise<{ sessionId: string | null; actor: Actor }> => {
  const { config, db } = portal()
  const cookie = (await cookies()).get(sessionCookieName(config.url))?.value
  const sessionId = await openSessionCookie(config, cookie)
  const actor = sessionId ? await actorForSession(db, { sessionId, now: new Date(), demoPeople: config.demo }) : null
  return actor ? { sessionId, actor } : { sessionId: null, actor: anonymous }
})

/** A context for this request, signed in or not: for the sign-in page and for actions, whose commands authorize. */
export async function requestCtx(): Promise<Ctx & { requestId: string }> {
  const { actor } = await browserSession()
  const requestId = (await headers()).get(requestHeader.id) ?? newRequestId()
  return { db: portal().db, actor, now: new Date(), requestId }
}
