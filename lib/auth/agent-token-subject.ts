import { createPublicKey, type KeyObject } from 'node:crypto'
import { err, ok, type Result } from '#lib/core/result.ts'
import { storableText } from '#lib/core/storable.ts'
import type { Tx } from '#lib/db/client.ts'
import { authenticateClient, type Client, claimedBy, findCredential, claimOnce } from './agent-token-client.ts'
import type { TokenIssuer } from './agent-token-issue.ts'
import type { TokenEndpointError, TokenGrant } from './agent-token-request.ts'
import type { TokenRefusal } from './agent-token-rules.ts'
import type { Ctx } from './ctx.ts'
import { type AccessToken, type TokenDriver, clockToleranceSeconds, verifyAccessToken } from './rules/access-token.ts'
import { publishedKeys } from './signing-keys.ts'
import {
  agentOf,
  type ClaudeSession,
  type IdentityAssertion,
  verifyClaudeSession,
  verifyIdentityAssertion,
} from './trusted-issuers.ts'

/** For whom a token is to be issued, and within which bounds. */
export type TokenSubject = {
  agentId: string
  clientId: string
  credentialId?: string
  session?: { version: number; runId: string }
  /** The version that must be the current one; for a token of no run. */
  version?: number
  audiences?: readonly string[] | undefined
  expiresBefore?: Date
  origin?: string
  /** The key that what was presented is bound to: the proof must be of it. */
  jkt?: string | null
  onBehalfOf?: { issuer: string; subject: string }
  drivenBy?: TokenDriver | undefined
}

/** What was presented besides the client's own proof, verified as far as the database is not needed. */
export type Presented =
  | { kind: 'nothing' }
  | { kind: 'identity_assertion'; assertion: IdentityAssertion }
  | { kind: 'claude_session'; session: ClaudeSession }
  | { kind: 'access_token'; token: AccessToken }

type InTx = Ctx & { tx: Tx }
type Refused = Result<never, TokenEndpointError>

/** Verifies the assertion or token of a grant. May fetch an issuer's keys, so it is no part of a transaction. */
export async function readPresented(
  ctx: Ctx,
  { issuer, grant }: { issuer: TokenIssuer; grant: TokenGrant },
): Promise<Result<Presented, TokenRefusal>> {
  const { now } = ctx
  if (grant.kind === 'client_credentials') return ok({ kind: 'nothing' })
  if (grant.kind === 'identity_assertion') {
    const { assertion } = grant
    const verified = await verifyIdentityAssertion(issuer.trusted, { assertion, audience: issuer.issuer, now })
    return verified.ok ? ok({ kind: 'identity_assertion', assertion: verified.value }) : verified
  }
  const { subjectToken: token } = grant
  if (grant.subjectType === 'jwt') {
    const verified = await verifyClaudeSession(issuer.trusted, { token, audience: issuer.audience, now })
    return verified.ok ? ok({ kind: 'claude_session', session: verified.value }) : verified
  }
  const keys = await ownKeys(ctx)
  const verified = await verifyAccessToken({ token, issuer: issuer.issuer, keyFor: (kid) => keys.get(kid), now })
  if (verified.ok) return ok({ kind: 'access_token', token: verified.value })
  const { rule, message } = verified.error
  return err({ rule, message })
}

/**
 * Whom the grant names, with everything that must be so for it to count; the client's own proof comes first. Whether that agent may
 * have a token is decided after.
 */
export async function subjectOf(
  ctx: InTx,
  options: { issuer: TokenIssuer; grant: TokenGrant; presented: Result<Presented, TokenRefusal> },
): Promise<Result<TokenSubject, TokenEndpointError>> {
  const { issuer, grant } = options
  let client: Client | null = null
  if (grant.proof) {
    const credential = await findCredential(ctx, claimedBy(grant.proof))
    const authenticated = await authenticateClient(ctx, { credential, proof: grant.proof, issuer })
    if (!authenticated.ok) return authenticated
    client = authenticated.value
  }
  if (!options.presented.ok) return unacceptable(grant, options.presented.error)
  const presented = options.presented.value
  if (presented.kind === 'claude_session') return await ofClaudeSession(ctx, presented.session)
  if (presented.kind === 'access_token') return await ofAccessToken(ctx, presented.token)
  if (!client) return refused('invalid_client', 'client_authentication_failed', 'No client authentication was sent.')
  if (presented.kind === 'identity_assertion') return await ofIdentityAssertion(ctx, client, presented.assertion)
  return ok({ agentId: client.agentId, clientId: client.clientId, credentialId: client.id })
}

/** The client that authenticated is the one the identity provider names, and the agent it belongs to is the one the configuration gives. */
async function ofIdentityAssertion(
  ctx: InTx,
  client: Client,
  assertion: IdentityAssertion,
): Promise<Result<TokenSubject, TokenEndpointError>> {
  const { issuer, subject, clientId, jti, expiresAt, resources, jkt } = assertion
  if (clientId !== client.clientId) {
    return refused('invalid_grant', 'assertion_invalid', 'The assertion is refused. It names another client.')
  }
  if (agentOf(assertion) !== client.agentId) {
    const message = 'The configuration gives no agent to this subject with this client.'
    return refused('invalid_grant', 'subject_not_mapped', message)
  }
  if (!(await claimOnce(ctx, { by: issuer, jti, until: expiresAt }))) {
    return refused('invalid_grant', 'assertion_replayed', 'An assertion with this jti was used before.')
  }
  const name = storableText(`${issuer}|${subject}`)
  const driver = await ctx.tx.person.findUnique({ where: { subject: name }, select: { id: true } })
  return ok({
    agentId: client.agentId,
    clientId: client.clientId,
    credentialId: client.id,
    audiences: resources ?? undefined,
    jkt,
    onBehalfOf: { issuer, subject },
    drivenBy: driver ? { personId: driver.id } : { personId: null, subject: name },
  })
}

/** The session is that of an open run at the server of this issuer, and agent and version at Claude are those the run was started with. */
async function ofClaudeSession(ctx: InTx, session: ClaudeSession): Promise<Result<TokenSubject, TokenEndpointError>> {
  const run = await ctx.tx.run.findUnique({
    where: { claudeSessionId: storableText(session.session) },
    select: { id: true, agentId: true, agentVersion: true, claudeServer: true },
  })
  const binding =
    run?.claudeServer === session.server &&
    (await ctx.tx.claudeBinding.findUnique({
      where: { agentId_version: { agentId: run.agentId, version: run.agentVersion } },
      select: { claudeAgentId: true, claudeVersion: true },
    }))
  if (!binding || binding.claudeAgentId !== session.agent || binding.claudeVersion !== session.version) {
    const message =
      'The token names no session of a run at the server of its issuer, or not the agent and version it was started with.'
    return refused('invalid_request', 'session_unknown', message)
  }
  return ok({
    agentId: run.agentId,
    clientId: `run:${run.id}`,
    session: { version: run.agentVersion, runId: run.id },
    expiresBefore: session.expiresAt,
    jkt: session.jkt,
  })
}

/** A token may be exchanged for one that is for less, never for one that lives longer or survives it. */
async function ofAccessToken(ctx: InTx, token: AccessToken): Promise<Result<TokenSubject, TokenEndpointError>> {
  if (await isRevoked(ctx, token)) {
    return refused('invalid_request', 'token_revoked', 'The token, or the credential it was issued for, was revoked.')
  }
  const { agentId, clientId, version, runId, audiences, origin, jkt, drivenBy } = token
  return ok({
    agentId,
    clientId,
    audiences,
    origin,
    jkt,
    drivenBy,
    expiresBefore: new Date((token.expires - clockToleranceSeconds) * 1000),
    ...(runId === null ? { version } : { session: { version, runId } }),
  })
}

export async function isRevoked(ctx: InTx, token: AccessToken): Promise<boolean> {
  const revokedCredential = await ctx.tx.agentCredential.count({
    where: { clientId: token.clientId, revokedAt: { not: null } },
  })
  const revokedTokens = await ctx.tx.revokedToken.count({ where: { jti: { in: [token.jti, token.origin] } } })
  return revokedCredential + revokedTokens > 0
}

export async function ownKeys(ctx: Ctx): Promise<ReadonlyMap<string, KeyObject>> {
  const keys = await publishedKeys(ctx)
  return new Map(keys.map((jwk) => [jwk.kid ?? '', createPublicKey({ key: jwk, format: 'jwk' })]))
}

/** RFC 7523 §3.1 for an assertion, RFC 8693 §2.2.2 for a subject token. */
function unacceptable(grant: TokenGrant, { rule, message }: TokenRefusal): Refused {
  if (rule === 'issuer_unavailable') return refused('temporarily_unavailable', rule, message)
  return refused(grant.kind === 'exchange' ? 'invalid_request' : 'invalid_grant', rule, message)
}

function refused(error: TokenEndpointError['error'], rule: string, message: string): Refused {
  return err({ error, rule, message })
}
