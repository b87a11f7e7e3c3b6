import { DomainError } from '#lib/core/errors.ts'
import { hashToken } from '#lib/core/secret-box.ts'
import type { FormRequest, TokenEndpointError } from './agent-token-request.ts'
import { takeFromRateLimit } from './commands/rate-limit.ts'
import type { Ctx } from './ctx.ts'
import { networkOf } from './network-of.ts'

// What the token endpoint and the revocation endpoint have in common as HTTP.

export function formRequest({ headers, body }: { headers: Headers; body: string }): FormRequest {
  return { authorization: headers.get('authorization'), contentType: headers.get('content-type'), body }
}

const triesPerMinute = { client: 120, address: 1200 }

/** Counts a try; the answer that refuses it when there were too many. */
export async function limitTries(ctx: Ctx, who: { headers: Headers; clientId: string }): Promise<Response | null> {
  // Behind a proxy the last address is the one it saw; the ones before it were sent by the client.
  const address = who.headers.get('x-forwarded-for')?.split(',').at(-1)?.trim() || 'unknown'
  const window = { windowMs: 60_000, now: ctx.now }
  try {
    await takeFromRateLimit(ctx.db, {
      key: `oauth-token:address:${address.slice(0, 64)}`,
      limit: triesPerMinute.address,
      ...window,
    })
    // A client id is no secret, so tries count where they come from: nobody uses up what the client itself may ask.
    const key = `oauth-token:client:${hashToken(who.clientId)}:${networkOf(address.slice(0, 64))}`
    await takeFromRateLimit(ctx.db, { key, limit: triesPerMinute.client, ...window })
    return null
  } catch (error) {
    if (!(error instanceof DomainError) || error.code !== 'rate_limited') throw error
    const body = { error: 'slow_down', error_description: error.message, rule: 'rate_limited' }
    const { retryAfterSeconds } = error.details
    const retryAfter = typeof retryAfterSeconds === 'number' ? String(retryAfterSeconds) : '60'
    return Response.json(body, { status: 429, headers: { 'cache-control': 'no-store', 'retry-after': retryAfter } })
  }
}

const statuses: Partial<Record<TokenEndpointError['error'], number>> = {
  invalid_client: 401,
  temporarily_unavailable: 503,
}

export function errorResponse(error: TokenEndpointError, { authorization }: FormRequest): Response {
  const body = { error: error.error, error_description: error.message, ...(error.rule ? { rule: error.rule } : {}) }
  const status = statuses[error.error] ?? 400
  return Response.json(body, {
    status,
    headers: {
      'cache-control': 'no-store',
      ...(status === 401 && authorization !== null ? { 'www-authenticate': 'Basic realm="wheelhouse"' } : {}),
      ...(status === 503 ? { 'retry-after': '30' } : {}),
    },
  })
}
