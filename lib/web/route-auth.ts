import { anonymous, type Actor } from '#lib/auth/ctx.ts'
import { takeFromRateLimit } from '#lib/auth/commands/rate-limit.ts'
import { authenticateAccessToken } from '#lib/auth/commands/tokens.ts'
import { actorForSession } from '#lib/auth/queries.ts'
import { DomainError } from '#lib/core/errors.ts'
import { openSessionCookie, sessionCookieName } from './cookie.ts'
import { portal } from './db.ts'
import { isSameOrigin, isSameOriginRead } from './origin.ts'
import { badTokenLimit } from './attempt-limits.ts'
import { isRead } from './request-headers.ts'

/**
 * Who calls the API: a personal access token as bearer, else the browser session, and that only for requests of our own pages.
 * A bad token is refused even when a session is there too.
 */
export async function routeActor(request: Request, now: Date): Promise<Actor> {
  const { config, db } = portal()
  const ask = { now, demoPeople: config.demo }
  const authorization = request.headers.get('authorization')
  if (authorization !== null) {
    const token = /^Bearer ([\w~+/.-]+=*)$/i.exec(authorization)?.[1]
    const actor = token ? await authenticateAccessToken(db, { token, ...ask }) : null
    if (actor) return actor
    await takeFromRateLimit(db, { ...badTokenLimit(request.headers), now })
    throw new DomainError('unauthenticated', 'The access token is not valid, has expired or was revoked.')
  }
  const sessionId = await openSessionCookie(config, cookieValue(request, sessionCookieName(config.url)))
  if (!sessionId) return anonymous
  const own = isRead(request) ? isSameOriginRead(request) : isSameOrigin({ headers: request.headers, url: config.url })
  if (!own)
    throw new DomainError('forbidden', 'A browser session works only from the portal itself.', { rule: 'same-origin' })
  return (await actorForSession(db, { sessionId, ...ask })) ?? anonymous
}

function cookieValue(request: Request, name: string): string | undefined {
  const pairs = (request.headers.get('cookie') ?? '').split(/; */)
  return pairs.find((pair) => pair.startsWith(`${name}=`))?.slice(name.length + 1)
}
