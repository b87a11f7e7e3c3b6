import { decodeJwt, decodeProtectedHeader, errors, type JWTPayload, jwtVerify } from 'jose'
import { z } from 'zod'
import type { TrustedIssuerSettings } from '#lib/config/trusted-issuers.ts'
import { claudeServerOf } from '#lib/core/claude-server.ts'
import { err, ok, type Result } from '#lib/core/result.ts'
import type { TokenRefusal } from './agent-token-rules.ts'
import { JwksSource, JwksUnavailable } from './jwks-source.ts'

/** Whom the authorization server trusts besides its own registry, with their keys; one for the life of a process. */
export type TrustedIssuers = ReadonlyMap<string, { settings: TrustedIssuerSettings; keys: JwksSource }>

export type IdentityAssertion = {
  issuer: string
  subject: string
  clientId: string
  jti: string
  expiresAt: Date
  /** What it may be used for at most; null: everything. */
  resources: readonly string[] | null
  jkt: string | null
  settings: Extract<TrustedIssuerSettings, { use: 'identity-assertions' }>
}

/** A session at a self-hosted Claude server, by its ids there. */
export type ClaudeSession = {
  issuer: string
  /** The Claude server that the issuer vouches for. */
  server: string
  agent: string
  version: number
  session: string
  expiresAt: Date
  jkt: string | null
}

/** Asymmetric only, so that no key can be taken for a shared secret; the key it names decides (RFC 8725 §3.1). */
const algorithms = ['EdDSA', 'Ed25519', 'ES256', 'ES384', 'ES512', 'PS256', 'RS256']
const clockToleranceSeconds = 30
/** An assertion that is used once need not live longer. */
const assertionAgeMax = '1h'
/** What another kind of token is; a session token may not be one of them. */
const otherTypes = new Set(['at+jwt', 'application/at+jwt', 'oauth-id-jag+jwt', 'dpop+jwt'])

export function trustedIssuers(settings: readonly TrustedIssuerSettings[]): TrustedIssuers {
  return new Map(settings.map((entry) => [entry.issuer, { settings: entry, keys: new JwksSource(entry.jwks) }]))
}

/** Whether there is an identity provider whose ID-JAGs are taken at all. */
export function takesIdentityAssertions(trusted: TrustedIssuers): boolean {
  return [...trusted.values()].some(({ settings }) => settings.use === 'identity-assertions')
}

/**
 * Verifies an Identity Assertion JWT Authorization Grant: of its type, by a trusted identity provider, for this authorization server
 * alone, about a subject and a client, once usable. Which agent it lets in is `agentOf`.
 */
export async function verifyIdentityAssertion(
  trusted: TrustedIssuers,
  options: { assertion: string; audience: string; now: Date },
): Promise<Result<IdentityAssertion, TokenRefusal>> {
  const { assertion, audience, now } = options
  const entry = issuerOf(trusted, assertion)
  const settings = entry?.settings
  if (!entry || settings?.use !== 'identity-assertions') return untrusted()
  const verified = await verify(assertion, entry.keys, {
    typ: 'oauth-id-jag+jwt',
    audience,
    now,
    maxTokenAge: assertionAgeMax,
  })
  if (!verified.ok) return verified
  const { sub, client_id: clientId, jti, exp, resource, cnf, aud } = verified.value
  if (Array.isArray(aud) && aud.length > 1) return refused('It names more than one audience.')
  if (typeof sub !== 'string' || typeof clientId !== 'string') return refused('It lacks sub or client_id.')
  if (typeof jti !== 'string' || jti.length === 0 || jti.length > 200) return refused('Its jti is not usable.')
  const resources = z
    .union([z.string().transform((one) => [one]), z.array(z.string()), z.undefined()])
    .safeParse(resource)
  if (!resources.success) return refused('Its resource is not usable.')
  const bound = boundTo(cnf)
  if (!bound.ok) return bound
  return ok({
    issuer: settings.issuer,
    subject: sub,
    clientId,
    jti,
    expiresAt: new Date(exp! * 1000),
    resources: resources.data ?? null,
    jkt: bound.value,
    settings,
  })
}

/** The registered agent that the configuration gives to this subject with this client; null: none. The first entry that fits counts. */
export function agentOf({ settings, subject, clientId }: IdentityAssertion): string | null {
  const entry = settings.agents.find(
    (mapping) =>
      (mapping.subject === undefined || mapping.subject === subject) &&
      (mapping.clientId === undefined || mapping.clientId === clientId),
  )
  return entry?.agent ?? null
}

/** Verifies the token of a session at a trusted, self-hosted Claude server. That the session is an open run here is for the caller to prove. */
export async function verifyClaudeSession(
  trusted: TrustedIssuers,
  options: { token: string; audience: string; now: Date },
): Promise<Result<ClaudeSession, TokenRefusal>> {
  const { token, now } = options
  const entry = issuerOf(trusted, token)
  const settings = entry?.settings
  if (!entry || settings?.use !== 'claude-sessions') return untrusted()
  const type = decodeProtectedHeader(token).typ
  if (typeof type === 'string' && otherTypes.has(type.toLowerCase())) return refused('It is another kind of token.')
  const verified = await verify(token, entry.keys, {
    ...(settings.type ? { typ: settings.type } : {}),
    audience: settings.audience ?? options.audience,
    now,
  })
  if (!verified.ok) return verified
  const { exp, cnf } = verified.value
  const agent = verified.value[settings.claims.agent]
  const session = verified.value[settings.claims.session]
  const version = versionOf(verified.value[settings.claims.version])
  if (typeof agent !== 'string' || typeof session !== 'string' || version === null) {
    return refused(`It lacks ${Object.values(settings.claims).join(', ')}.`)
  }
  const bound = boundTo(cnf)
  if (!bound.ok) return bound
  return ok({
    issuer: settings.issuer,
    server: claudeServerOf(settings.server ?? settings.issuer),
    agent,
    version,
    session,
    expiresAt: new Date(exp! * 1000),
    jkt: bound.value,
  })
}

/** Who claims to have made it; nothing is verified and nothing fetched for one that is not trusted. */
function issuerOf(trusted: TrustedIssuers, token: string) {
  try {
    return trusted.get(decodeJwt(token).iss ?? '')
  } catch {
    return undefined
  }
}

async function verify(
  token: string,
  keys: JwksSource,
  options: { typ?: string; audience: string; now: Date; maxTokenAge?: string },
): Promise<Result<JWTPayload, TokenRefusal>> {
  const { typ, audience, now, maxTokenAge } = options
  try {
    const { payload } = await jwtVerify(token, (header, jws) => keys.keyFor(header, jws), {
      algorithms,
      ...(typ ? { typ } : {}),
      audience,
      requiredClaims: ['exp', 'iat'],
      ...(maxTokenAge ? { maxTokenAge } : {}),
      clockTolerance: clockToleranceSeconds,
      currentDate: now,
    })
    return ok(payload)
  } catch (error) {
    if (error instanceof JwksUnavailable) return err({ rule: 'issuer_unavailable', message: error.message })
    if (error instanceof errors.JOSEError) return refused(`It does not verify (${wordOf(error)}).`)
    throw error
  }
}

function wordOf(error: errors.JOSEError): string {
  const claim =
    error instanceof errors.JWTClaimValidationFailed || error instanceof errors.JWTExpired ? error.claim : ''
  return claim ? `${error.code}: ${claim}` : error.code
}

function versionOf(claim: unknown): number | null {
  const version = typeof claim === 'string' && /^\d{1,9}$/.test(claim) ? Number(claim) : claim
  return typeof version === 'number' && Number.isSafeInteger(version) ? version : null
}

/** A key it is bound to must be one this server can ask a proof of (RFC 7800 §3.1, RFC 9449 §6.1). */
function boundTo(cnf: unknown): Result<string | null, TokenRefusal> {
  if (cnf === undefined) return ok(null)
  const { jkt } = (cnf ?? {}) as { jkt?: unknown }
  return typeof jkt === 'string' ? ok(jkt) : refused('It is bound to a key in a way that is not known here.')
}

function untrusted(): Result<never, TokenRefusal> {
  return err({ rule: 'issuer_not_trusted', message: 'Assertions of this issuer are not taken, or not for this use.' })
}

function refused(why: string): Result<never, TokenRefusal> {
  return err({ rule: 'assertion_invalid', message: `The assertion is refused. ${why}` })
}
