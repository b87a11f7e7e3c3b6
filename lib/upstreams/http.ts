import type { FetchLike } from '@modelcontextprotocol/client'
import { Agent, fetch as fetchWith, type RequestInit as RequestOptions } from 'undici'
import { boundedResponse } from '#lib/core/bounded-response.ts'
import {
  guardedLookup,
  InsideAddress,
  isInsideHost,
  isOutsideHost,
  outsideLookup,
  refuseHost,
} from '#lib/core/guarded-lookup.ts'

const timeoutMs = 10_000
/** Metadata and tokens are a few thousand; and the server says who is asked. */
const bytesMax = 1024 * 1024

const redirectsMax = 3
/** Where to ask is what servers say: never link-local or metadata addresses, also where MCP servers may have such. */
const agent = new Agent({ connect: { timeout: 5000, lookup: guardedLookup() } })
const outsideAgent = new Agent({ connect: { timeout: 5000, lookup: outsideLookup([]) } })

/** Over which connections a place is asked. Throws for one that is not asked at all. */
type Way = (at: URL) => Agent | Promise<Agent>

/** How servers and authorization servers are asked that a person has named. */
export const oauthFetch: FetchLike = (url, init) => ask(url, init, guarded)

function guarded(at: URL): Agent {
  refuseHost(at)
  return agent
}

/**
 * How metadata and authorization servers are asked that an MCP server names. One outside names none inside, neither first nor by a redirect, besides the issuer that a person has named
 * with the credential; one inside may name any.
 */
export function oauthFetchFor({ serverUrl, issuer }: { serverUrl: string; issuer?: string | undefined }): FetchLike {
  const { hostname } = new URL(serverUrl)
  const known = issuer !== undefined && URL.canParse(issuer) ? new URL(issuer).origin : null
  let inside: Promise<boolean> | undefined
  return (url, init) =>
    ask(url, init, async (at) => {
      refuseHost(at)
      inside ??= isInsideHost(hostname)
      if (at.origin === known || (await inside)) return agent
      if (!isOutsideHost(at.hostname, [])) throw new InsideAddress(`${at.hostname} is an address inside`)
      return outsideAgent
    })
}

/**
 * With a deadline for the whole exchange and a bound for what is answered. What is posted may hold a secret and follows no
 * redirect. Of an error only its code goes on: its other words may repeat what was sent, and the SDK writes them where anybody reads.
 */
async function ask(url: string | URL, init: RequestInit | undefined, way: Way): Promise<Response> {
  const deadline = AbortSignal.timeout(timeoutMs)
  const signal = init?.signal ? AbortSignal.any([init.signal, deadline]) : deadline
  const isRead = (init?.method ?? 'GET') === 'GET'
  let at = new URL(url)
  for (let redirects = 0; ; redirects += 1) {
    const dispatcher = await way(at)
    const options = { ...init, signal, redirect: isRead ? 'manual' : 'error', dispatcher } as RequestOptions
    const answered = await fetchWith(at, options).catch((error: Error) => {
      throw error.cause instanceof InsideAddress ? error.cause : error
    })
    const response = boundedResponse(answered as unknown as Response, bytesMax)
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
