import { createPublicKey } from 'node:crypto'
import { decodeJwt, errors, type JWK, jwtVerify } from 'jose'
import { err, ok, type Result } from '#lib/core/result.ts'
import type { TokenRefusal } from './agent-token-rules.ts'

/** An assertion may live this long at most, so that remembering used ones stays cheap. */
const lifeMsMax = 5 * 60_000
const clockToleranceSeconds = 30

/** Whose assertion it claims to be, before anything is verified; null when it is not a JWT. */
export function claimedClientId(assertion: string): string | null {
  try {
    return decodeJwt(assertion).sub ?? null
  } catch {
    return null
  }
}

/**
 * Verifies a private_key_jwt assertion (RFC 7523 §3): signed by the registered key with the algorithm that key implies, issued by and
 * about the client, for this endpoint, at most five minutes long, with an id. That the id is new is for the caller to prove.
 */
export async function verifyAssertion(options: {
  assertion: string
  clientId: string
  publicJwk: JWK
  audiences: readonly string[]
  now: Date
}): Promise<Result<{ jti: string; expiresAt: Date }, TokenRefusal>> {
  const { assertion, clientId, publicJwk, now } = options
  try {
    const { payload } = await jwtVerify(assertion, createPublicKey({ key: publicJwk, format: 'jwk' }), {
      algorithms: algorithmsFor(publicJwk),
      issuer: clientId,
      subject: clientId,
      audience: [...options.audiences],
      requiredClaims: ['exp', 'jti'],
      clockTolerance: clockToleranceSeconds,
      currentDate: now,
    })
    const expiresAt = new Date(payload.exp! * 1000)
    if (Array.isArray(payload.aud) && payload.aud.length > 1) return refused('It names more than one audience.')
    if (typeof payload.jti !== 'string' || payload.jti.length > 200) return refused('Its jti is not usable.')
    if (expiresAt.getTime() - now.getTime() > lifeMsMax) return refused('It lives longer than five minutes.')
    if ((payload.iat ?? 0) * 1000 > now.getTime() + clockToleranceSeconds * 1000)
      return refused('It is from the future.')
    return ok({ jti: payload.jti, expiresAt })
  } catch (error) {
    if (error instanceof errors.JOSEError) return refused(`It does not verify (${error.code}).`)
    throw error
  }
}

/** The key decides the algorithm, never the token (RFC 8725 §3.1). An empty list: the key is not usable. */
export function algorithmsFor(jwk: JWK): string[] {
  if (jwk.kty === 'OKP' && jwk.crv === 'Ed25519') return ['EdDSA', 'Ed25519']
  if (jwk.kty === 'EC' && jwk.crv === 'P-256') return ['ES256']
  if (jwk.kty === 'EC' && jwk.crv === 'P-384') return ['ES384']
  if (jwk.kty === 'RSA') return ['PS256', 'RS256']
  return []
}

function refused(why: string): Result<never, TokenRefusal> {
  return err({ rule: 'client_authentication_failed', message: `The client assertion is refused. ${why}` })
}
