import type { JWK } from 'jose'
import { recordAudit } from '#lib/audit/commands.ts'
import { DomainError } from '#lib/core/errors.ts'
import { err, ok, type Result } from '#lib/core/result.ts'
import { equalInConstantTime, hashToken } from '#lib/core/secret-box.ts'
import { storableText } from '#lib/core/storable.ts'
import { claimedClientId, verifyAssertion } from '../agent-token-assertion.ts'
import { gatherTokenFacts, type IssuedToken, signToken, type TokenIssuer } from '../agent-token-issue.ts'
import { type ClientProof, parseTokenRequest, type TokenEndpointError } from '../agent-token-request.ts'
import { refuseToken } from '../agent-token-rules.ts'
import { type Ctx, inTx } from '../ctx.ts'
import { takeFromRateLimit } from './rate-limit.ts'

export type { TokenEndpointError } from '../agent-token-request.ts'

export const tokenEndpointPath = '/api/oauth/token'

type Client = { id: string; agentId: string; clientId: string; secretHash: string | null; publicJwk: JWK | null }

/**
 * The client_credentials grant (RFC 6749 §4.4) with client_secret_basic, client_secret_post or private_key_jwt (RFC 7523) and `resource`
 * (RFC 8707): a token for the broker, for an agent that is registered, active and not stopped. Every refusal of a known or unknown
 * client is audited with its rule. Public: it authenticates by itself.
 */
export async function issueAgentToken(
  ctx: Ctx,
  input: { issuer: TokenIssuer; authorization: string | null; contentType: string | null; body: string },
): Promise<Result<IssuedToken, TokenEndpointError>> {
  const { issuer } = input
  const request = parseTokenRequest(input)
  if (!request.ok) return request
  const { proof, resources } = request.value
  const claimed = proof.kind === 'secret' ? proof.clientId : claimedClientId(proof.assertion)
  const clientId = claimed === null ? null : storableText(claimed)
  return inTx(ctx, async (tx, ctx) => {
    const client = clientId ? await findClient(ctx, clientId) : null
    const refuse = (error: TokenEndpointError): Result<never, TokenEndpointError> => {
      const id = client?.agentId ?? clientId?.slice(0, 100) ?? 'unknown'
      recordAudit(tx, ctx, {
        event: 'agent.token_refused',
        subject: { kind: client ? 'agent' : 'client', id, name: id },
        detail: { clientId: clientId?.slice(0, 100) ?? '', reason: error.message },
        decision: 'deny',
        ...(client ? { agentId: client.agentId } : {}),
        ...(error.rule ? { rule: error.rule } : {}),
      })
      return err(error)
    }
    const authenticated = await authenticate(ctx, { client, proof, issuer })
    if (!authenticated.ok) return refuse(authenticated.error)
    const { agentId } = authenticated.value
    const foreign = resources.find((resource) => !isServed(resource, issuer.audience))
    if (foreign !== undefined) {
      return refuse({
        error: 'invalid_target',
        rule: 'resource_not_served',
        message: `Tokens are issued for ${issuer.audience} only.`,
      })
    }
    const facts = await gatherTokenFacts(tx, { agentId })
    const refusal = refuseToken(facts, agentId)
    if (refusal || !facts.agent) return refuse({ error: 'unauthorized_client', ...(refusal ?? unregistered(agentId)) })
    const { name, currentVersion } = facts.agent
    const issued = await signToken(ctx, {
      issuer,
      agentId,
      version: currentVersion,
      clientId: authenticated.value.clientId,
    })
    await tx.agentCredential.update({ where: { id: authenticated.value.id }, data: { lastUsedAt: ctx.now } })
    recordAudit(tx, ctx, {
      event: 'agent.token_issued',
      subject: { kind: 'agent', id: agentId, name },
      detail: {
        clientId: authenticated.value.clientId,
        audience: issuer.audience,
        expiresAt: issued.expiresAt.toISOString(),
      },
      agentId,
    })
    return ok(issued)
  })
}

/** The metadata of the authorization server (RFC 8414). */
export function authorizationServerMetadata(issuer: Pick<TokenIssuer, 'issuer'>): Record<string, unknown> {
  return {
    issuer: issuer.issuer,
    token_endpoint: `${issuer.issuer}${tokenEndpointPath}`,
    // RFC 8414 lets a server without such a grant leave it out, but clients in use insist on it; it answers that it is not supported.
    authorization_endpoint: `${issuer.issuer}/api/oauth/authorize`,
    jwks_uri: `${issuer.issuer}/.well-known/jwks.json`,
    grant_types_supported: ['client_credentials'],
    response_types_supported: [],
    token_endpoint_auth_methods_supported: ['client_secret_basic', 'client_secret_post', 'private_key_jwt'],
    token_endpoint_auth_signing_alg_values_supported: ['EdDSA', 'ES256', 'ES384', 'PS256', 'RS256'],
    resource_indicators_supported: true,
  }
}

/** People do not sign in to agents: there is no authorization code to get (RFC 6749 §4.1.2.1). */
export function refuseAuthorization(): Response {
  const message = 'Agents authenticate with client_credentials at the token endpoint.'
  return Response.json({ error: 'unsupported_response_type', error_description: message }, { status: 400 })
}

async function findClient(ctx: Ctx & { tx: NonNullable<Ctx['tx']> }, clientId: string): Promise<Client | null> {
  const row = await ctx.tx.agentCredential.findFirst({
    where: { clientId, revokedAt: null },
    select: { id: true, agentId: true, clientId: true, secretHash: true, publicJwk: true },
  })
  return row && { ...row, publicJwk: row.publicJwk as JWK | null }
}

async function authenticate(
  ctx: Ctx & { tx: NonNullable<Ctx['tx']> },
  options: { client: Client | null; proof: ClientProof; issuer: TokenIssuer },
): Promise<Result<Client, TokenEndpointError>> {
  const { client, proof, issuer } = options
  if (!client) return unauthenticated('client_unknown', 'The client id is unknown or its credential was revoked.')
  if (proof.kind === 'secret') {
    const right = equalInConstantTime(hashToken(proof.secret), client.secretHash ?? '')
    return right ? ok(client) : unauthenticated('client_authentication_failed', 'The client secret is not right.')
  }
  if (!client.publicJwk || (proof.clientId !== null && proof.clientId !== client.clientId)) {
    return unauthenticated(
      'client_authentication_failed',
      'The client has no registered key, or client_id names another one.',
    )
  }
  const verified = await verifyAssertion({
    assertion: proof.assertion,
    clientId: client.clientId,
    publicJwk: client.publicJwk,
    audiences: [issuer.issuer, `${issuer.issuer}${tokenEndpointPath}`],
    now: ctx.now,
  })
  if (!verified.ok) return unauthenticated(verified.error.rule, verified.error.message)
  return (await claimOnce(ctx, { clientId: client.clientId, ...verified.value }))
    ? ok(client)
    : unauthenticated('assertion_replayed', 'A client assertion with this jti was used before.')
}

/** True for the first who asks, also among two at once: the second waits for the first's row and finds it there. */
async function claimOnce(
  ctx: Ctx & { tx: NonNullable<Ctx['tx']> },
  used: { clientId: string; jti: string; expiresAt: Date },
): Promise<boolean> {
  // A minute beyond expiry, because verification tolerates that clocks differ.
  const keptUntil = new Date(used.expiresAt.getTime() + 60_000)
  await ctx.tx.$executeRaw`delete from "UsedAssertion" where ("clientId", "jti") in
    (select "clientId", "jti" from "UsedAssertion" where "expiresAt" < ${ctx.now} limit 100 for update skip locked)`
  const { count } = await ctx.tx.usedAssertion.createMany({
    data: [{ clientId: used.clientId, jti: used.jti, expiresAt: keptUntil }],
    skipDuplicates: true,
  })
  return count === 1
}

/** The broker's endpoint, or one of its servers below it. */
function isServed(resource: string, audience: string): boolean {
  const plain = resource.replace(/\/+$/, '')
  return plain === audience || plain.startsWith(`${audience}/`)
}

function unauthenticated(rule: string, message: string): Result<never, TokenEndpointError> {
  return err({ error: 'invalid_client', rule, message })
}

function unregistered(agentId: string): { rule: string; message: string } {
  return { rule: 'agent_unknown', message: `No agent ${agentId} is registered.` }
}

/**
 * The endpoint as HTTP says it (RFC 6749 §5): a token, or an error object that names our rule as well. Tries are limited by client and
 * by address, so that nobody guesses fast and strangers do not flood the audit log.
 */
export async function answerTokenRequest(
  ctx: Ctx,
  input: { issuer: TokenIssuer; headers: Headers; body: string },
): Promise<Response> {
  const { issuer, headers, body } = input
  const authorization = headers.get('authorization')
  const request = { authorization, contentType: headers.get('content-type'), body }
  const limited = await limitTries(ctx, { headers, clientId: claimedBy(request) })
  if (limited) return limited
  const issued = await issueAgentToken(ctx, { issuer, ...request })
  if (!issued.ok) return errorResponse(issued.error, authorization !== null)
  const expiresIn = Math.floor((issued.value.expiresAt.getTime() - ctx.now.getTime()) / 1000)
  const answer = { access_token: issued.value.token, token_type: 'Bearer', expires_in: expiresIn }
  return Response.json(answer, { headers: { 'cache-control': 'no-store' } })
}

const triesPerMinute = { client: 120, address: 1200 }

async function limitTries(ctx: Ctx, who: { headers: Headers; clientId: string }): Promise<Response | null> {
  // Behind a proxy the last address is the one it saw; the ones before it were sent by the client.
  const address = who.headers.get('x-forwarded-for')?.split(',').at(-1)?.trim() || 'unknown'
  const window = { windowMs: 60_000, now: ctx.now }
  try {
    await takeFromRateLimit(ctx.db, {
      key: `oauth-token:address:${address.slice(0, 64)}`,
      limit: triesPerMinute.address,
      ...window,
    })
    const key = `oauth-token:client:${hashToken(who.clientId)}`
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

/** Whose credential is being tried, before anything is verified. */
function claimedBy(request: Parameters<typeof parseTokenRequest>[0]): string {
  const parsed = parseTokenRequest(request)
  if (!parsed.ok) return 'unknown'
  const { proof } = parsed.value
  return proof.kind === 'secret' ? proof.clientId : (claimedClientId(proof.assertion) ?? 'unknown')
}

function errorResponse(error: TokenEndpointError, triedBasic: boolean): Response {
  const body = { error: error.error, error_description: error.message, ...(error.rule ? { rule: error.rule } : {}) }
  const status = error.error === 'invalid_client' ? 401 : 400
  return Response.json(body, {
    status,
    headers: {
      'cache-control': 'no-store',
      ...(status === 401 && triedBasic ? { 'www-authenticate': 'Basic realm="wheelhouse"' } : {}),
    },
  })
}
