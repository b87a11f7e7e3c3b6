import { DomainError } from '#lib/core/errors.ts'
import { errorResponse, formRequest, limitTries } from '../agent-token-http.ts'
import type { TokenIssuer } from '../agent-token-issue.ts'
import { parseForm, type TokenEndpointError } from '../agent-token-request.ts'
import type { Ctx } from '../ctx.ts'
import { answerRevocationRequest } from './agent-token-revocation.ts'
import { answerTokenRequest } from './agent-token-endpoint.ts'
import type { AppServer } from '../app-lookup.ts'
import { registerAppClient } from './app-clients.ts'
import { exchangeAppToken, revokeAppToken } from './app-tokens.ts'
import { networkOf, siteOf } from '../network-of.ts'
import { takeFromRateLimit } from './rate-limit.ts'

type Asked = { issuer: TokenIssuer; apps: AppServer; headers: Headers; body: string }

const appGrants = new Set(['authorization_code', 'refresh_token'])
const noStore = { 'cache-control': 'no-store' }

/** The token endpoint: of people's apps by code and refresh token, of agents by every other grant. */
export async function answerTokenEndpoint(ctx: Ctx, input: Asked): Promise<Response> {
  const request = formRequest(input)
  const form = parseForm(request)
  if (!form.ok || !appGrants.has(form.value.get('grant_type') ?? '')) return await answerTokenRequest(ctx, input)
  const limited = await limitTries(ctx, { headers: input.headers, clientId: form.value.get('client_id') ?? 'unknown' })
  if (limited) return limited
  const secret = refuseSecret(request.authorization, form.value)
  if (secret) return errorResponse(secret, request)
  const issued = await exchangeAppToken(ctx, { server: input.apps, form: form.value })
  if (!issued.ok) return errorResponse(issued.error, request)
  const { accessToken, refreshToken, expiresAt, scope } = issued.value
  const answer = {
    access_token: accessToken,
    token_type: 'Bearer',
    expires_in: Math.max(0, Math.floor((expiresAt.getTime() - ctx.now.getTime()) / 1000)),
    refresh_token: refreshToken,
    scope,
  }
  return Response.json(answer, { headers: noStore })
}

/** The revocation endpoint (RFC 7009): of people's apps by their kind of token, of agents else. */
export async function answerRevocationEndpoint(ctx: Ctx, input: Asked): Promise<Response> {
  const request = formRequest(input)
  const form = parseForm(request)
  const token = form.ok ? (form.value.get('token') ?? '') : ''
  if (!form.ok || !/^wh_(?:app|ref)_/.test(token)) return await answerRevocationRequest(ctx, input)
  const clientId = form.value.get('client_id')
  const limited = await limitTries(ctx, { headers: input.headers, clientId: clientId ?? 'unknown' })
  if (limited) return limited
  const revoked = await revokeAppToken(ctx, { token, clientId })
  if (!revoked.ok) return errorResponse(revoked.error, request)
  return new Response(null, { status: 200, headers: noStore })
}

/** In five minutes, so that whoever shares an address with somebody who asks on and on waits no longer than that. */
const registrationsMax = { network: 10, site: 30 }
const registrationWindowMs = 5 * 60_000

/**
 * The registration endpoint (RFC 7591), for apps that have no document of their own. It writes for whoever asks, so each network and each site
 * is limited; there is no limit of all together, which one caller could use up for everybody.
 */
export async function answerRegistration(
  ctx: Ctx,
  { headers, body }: { headers: Headers; body: unknown },
): Promise<Response> {
  const address = headers.get('x-forwarded-for')?.split(',').at(-1)?.trim().slice(0, 64) || 'unknown'
  const [network, site] = [networkOf(address), siteOf(address)]
  const window = { windowMs: registrationWindowMs, now: ctx.now }
  try {
    await takeFromRateLimit(ctx.db, {
      key: `app-register:network:${network}`,
      limit: registrationsMax.network,
      ...window,
    })
    await takeFromRateLimit(ctx.db, { key: `app-register:site:${site}`, limit: registrationsMax.site, ...window })
    const registered = await registerAppClient(ctx, { document: body, from: site })
    if (!registered.ok) {
      const { rule, message } = registered.error
      const error = message.startsWith('redirect_uris') ? 'invalid_redirect_uri' : 'invalid_client_metadata'
      return Response.json({ error, error_description: message, rule }, { status: 400, headers: noStore })
    }
    const { id, name, redirectUris } = registered.value
    return Response.json(
      {
        client_id: id,
        client_id_issued_at: Math.floor(ctx.now.getTime() / 1000),
        client_name: name,
        redirect_uris: redirectUris,
        grant_types: [...appGrants],
        response_types: ['code'],
        token_endpoint_auth_method: 'none',
      },
      { status: 201, headers: noStore },
    )
  } catch (error) {
    if (!(error instanceof DomainError) || error.code !== 'rate_limited') throw error
    const { rule, retryAfterSeconds } = error.details as { rule: string; retryAfterSeconds: number }
    const problem = { error: 'temporarily_unavailable', error_description: error.message, rule }
    return Response.json(problem, { status: 429, headers: { ...noStore, 'retry-after': String(retryAfterSeconds) } })
  }
}

/** Apps of people are public clients: one that shows a secret is not the one that was registered. */
function refuseSecret(authorization: string | null, form: URLSearchParams): TokenEndpointError | null {
  if (authorization === null && !form.has('client_secret') && !form.has('client_assertion')) return null
  const message = 'Apps of people have no secret here: send client_id alone.'
  return { error: 'invalid_client', message, rule: 'client_authentication_failed' }
}
