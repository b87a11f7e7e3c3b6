import type { FetchLike } from '@modelcontextprotocol/client'

const timeoutMs = 10_000

/**
 * How authorization servers and metadata are asked: with a deadline for the whole exchange. Of an error only its code goes on: its other
 * words may repeat what was sent, and the SDK writes them where anybody reads.
 */
export const oauthFetch: FetchLike = async (url, init) => {
  const deadline = AbortSignal.timeout(timeoutMs)
  const signal = init?.signal ? AbortSignal.any([init.signal, deadline]) : deadline
  const response = await fetch(url, { ...init, signal })
  return response.ok || init?.method !== 'POST' ? response : await codeOnly(response)
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
