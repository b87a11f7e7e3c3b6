import type { FetchLike } from '@modelcontextprotocol/client'
import { Agent, fetch as fetchWith, type RequestInit as RequestOptions } from 'undici'
import { boundedResponse } from '#lib/core/bounded-response.ts'
import { guardedLookup, refuseHost } from '#lib/core/guarded-lookup.ts'

const timeoutMs = 10_000
/** Metadata and tokens are a few thousand; and the server says who is asked. */
const bytesMax = 1024 * 1024

const redirectsMax = 3
/** Where to ask is what servers say: never link-local or metadata addresses, also where MCP servers may have such. */
const agent = new Agent({ connect: { timeout: 5000, lookup: guardedLookup() } })

/**
 * How authorization servers and metadata are asked: with a deadline for the whole exchange and a bound for what is answered. What is posted may hold a secret and follows no
 * redirect. Of an error only its code goes on: its other words may repeat what was sent, and the SDK writes them where anybody reads.
 */
export const oauthFetch: FetchLike = async (url, init) => {
  const deadline = AbortSignal.timeout(timeoutMs)
  const signal = init?.signal ? AbortSignal.any([init.signal, deadline]) : deadline
  const isRead = (init?.method ?? 'GET') === 'GET'
  let at = new URL(url)
  for (let redirects = 0; ; redirects += 1) {
    refuseHost(at)
    const options = { ...init, signal, redirect: isRead ? 'manual' : 'error', dispatcher: agent } as RequestOptions
    const response = boundedResponse((await fetchWith(at, options)) as unknown as Response, bytesMax)
    const next = isRead ? redirectOf(response, at) : null
    if (!next || redirects === redirectsMax) return response.ok || isRead ? response : await codeOnly(response)
    await response.body?.cancel()
    at = next
  }
}

/** Where else to read; null when the response is none, or leads out of TLS. */
function redirectOf({ status, headers }: Response, from: URL): URL | null {
  const location = headers.get('location')
  if (![301, 302, 303, 307, 308].includes(status) || location === null || !URL.canParse(location, from)) return null
  const to = new URL(location, from)
  return to.protocol === from.protocol || to.protocol === 'https:' ? to : null
}

async function codeOnly(response: Response): Promise<Response> {
  const body: unknown = await response.json().catch(() => null)
  const code = typeof body === 'object' && body !== null && 'error' in body ? body.error : null
  const error = typeof code === 'string' && /^[a-z_]{3,60}$/.test(code) ? code : 'server_error'
  const headers = new Headers(response.headers)
  headers.set('content-type', 'application/json')
  headers.delete('content-length')
  headers.delete('content-encoding')
  return new Response(JSON.stringify({ error }), { status: response.status, headers })
}

/** A response's challenge as the SDK reads it (RFC 6750, RFC 9728 §5.1). */
export function challengeResponse(status: number, wwwAuthenticate: string | null): Response {
  return new Response(null, { status, headers: wwwAuthenticate ? { 'www-authenticate': wwwAuthenticate } : {} })
}
