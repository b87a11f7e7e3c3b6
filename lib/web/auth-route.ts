import NextAuth from 'next-auth'
import type { NextRequest } from 'next/server'
import { takeFromRateLimit } from '#lib/auth/commands/rate-limit.ts'
import { DomainError } from '#lib/core/errors.ts'
import { newRequestId } from '#lib/core/ids.ts'
import { authOptions } from './auth-options.ts'
import { portal } from './db.ts'
import { failureOf } from './failure.ts'
import { problemResponse } from './problem.ts'
import { requestHeader } from './request-headers.ts'
import { signInLimits } from './attempt-limits.ts'

type Segments = { params: Promise<{ nextauth: string[] }> }

// next-auth has more endpoints than we use; the session is never read or ended through it.
const used = new Set(['csrf', 'providers', 'signin', 'callback', 'error'])
const limited = new Set(['signin', 'callback'])

/** next-auth's own endpoints for the identity provider's round trip, rate-limited and reduced to those that are needed. */
export async function authRoute(request: NextRequest, segments: Segments): Promise<Response> {
  const requestId = request.headers.get(requestHeader.id) ?? newRequestId()
  const { config, db, log } = portal()
  const [action = ''] = (await segments.params).nextauth
  try {
    if (!config.oidc || !used.has(action)) throw new DomainError('not_found', 'There is nothing here.')
    if (limited.has(action)) for (const use of signInLimits(request.headers)) await takeFromRateLimit(db, use)
  } catch (error) {
    return problemResponse(failureOf(error, requestId, log), request.nextUrl.pathname)
  }
  // next-auth reads its public address from here, and from nowhere else.
  process.env['NEXTAUTH_URL'] = config.url
  const handler = NextAuth(
    authOptions({ config, db, log, requestId, userAgent: request.headers.get('user-agent') }),
  ) as (request: NextRequest, segments: Segments) => Promise<Response>
  return await handler(request, segments)
}
