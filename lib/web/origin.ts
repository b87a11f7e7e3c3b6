type Incoming = { headers: Pick<Headers, 'get'>; url: string }

/**
 * Whether the browser says that our own page made this request. Changing requests must carry an Origin that is ours (Fetch standard:
 * browsers always send it on POST); `Sec-Fetch-Site`, where sent, must agree.
 */
export function isSameOrigin(request: Incoming): boolean {
  const site = request.headers.get('sec-fetch-site')
  if (site && site !== 'same-origin') return false
  const origin = request.headers.get('origin')
  if (!origin || !URL.canParse(origin)) return false
  return origin === new URL(request.url).origin || new URL(origin).host === request.headers.get('host')
}

/** Whether a reading request with a cookie comes from our page or the address bar, and not from another site. */
export function isSameOriginRead(request: Incoming): boolean {
  const site = request.headers.get('sec-fetch-site')
  return site === null || site === 'same-origin' || site === 'none'
}
