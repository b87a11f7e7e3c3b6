import { decode, encode } from 'next-auth/jwt'
import { z } from 'zod'

/** The browser keeps only the id of a LoginSession row, encrypted by next-auth; who that is and what they may do is read per request. */
const claims = z.object({ sid: z.uuid() })

export type CookieSettings = { url: string; authSecret: string }

/** Longest life of a browser session; the row's own end is the one that counts. */
export const sessionSeconds = 12 * 60 * 60

/** On https the name binds the cookie to host and path; on a local address it carries the port, because cookies of two ports are not apart. */
export function sessionCookieName(url: string): string {
  const { protocol, port } = new URL(url)
  return protocol === 'https:' ? '__Host-wheelhouse-session' : `wheelhouse-session-${port || '80'}`
}

export function sessionCookieOptions(url: string) {
  return { httpOnly: true, sameSite: 'lax', path: '/', secure: url.startsWith('https://') } as const
}

export async function sealSessionId(settings: CookieSettings, sessionId: string): Promise<string> {
  return await encode({ token: { sid: sessionId }, secret: settings.authSecret, maxAge: sessionSeconds })
}

/** The session id in a cookie, or null when it is missing, forged, damaged or too old. */
export async function openSessionCookie(settings: CookieSettings, value: string | undefined): Promise<string | null> {
  if (!value) return null
  const token = await decode({ token: value, secret: settings.authSecret }).catch(() => null)
  const parsed = claims.safeParse(token)
  return parsed.success ? parsed.data.sid : null
}
