import { isLoopback } from '#lib/config/shared.ts'

type Incoming = { headers: Pick<Headers, 'get'>; url: string }

/**
 * Whether the browser says that our own page made this request: its Origin (browsers always send one on POST, Fetch standard) is the
 * portal's public address, or another name of this machine at the same port. The Host header proves nothing: a name that somebody else
 * points at this machine would match it (DNS rebinding). `Sec-Fetch-Site`, where sent, must agree.
 */
export function isSameOrigin(request: Incoming): boolean {
  const site = request.headers.get('sec-fetch-site')
  if (site && site !== 'same-origin') return false
  const sent = request.headers.get('origin')
  if (!sent || !URL.canParse(sent)) return false
  const [origin, own] = [new URL(sent), new URL(request.url)]
  if (origin.origin === own.origin) return true
  const bothHere = isLoopback(origin.hostname) && isLoopback(own.hostname)
  return bothHere && origin.port === own.port && origin.protocol === own.protocol
}

/** Whether a reading request with a cookie comes from our page or the address bar, and not from another site. */
export function isSameOriginRead(request: Incoming): boolean {
  const site = request.headers.get('sec-fetch-site')
  return site === null || site === 'same-origin' || site === 'none'
}
