import { createHash } from 'node:crypto'
import { calculateJwkThumbprint, EmbeddedJWK, errors, jwtVerify } from 'jose'
import { err, ok, type Result } from '#lib/core/result.ts'

/** Signatures that a proof of possession may have; the metadata and the challenge list them. */
export const dpopAlgorithms = ['EdDSA', 'ES256', 'ES384', 'PS256', 'RS256'] as const

/** A proof is good for this long after it was made, and may be from a clock that is a little ahead. */
const ageSecondsMax = 60
const aheadSecondsMax = 15
const lengthMax = 4096

export type DpopProof = {
  /** Thumbprint of the key (RFC 7638): what a token is bound to. */
  readonly jkt: string
  /** Names the proof among those of its key; to be accepted once until `until`. */
  readonly jti: string
  readonly until: Date
}
export type DpopFault = { rule: 'dpop_proof_invalid'; message: string }

/**
 * Verifies a DPoP proof (RFC 9449 §4.3): one JWT signed by the key it carries, for this method and address, made just now, and with an
 * access token for this very token. That its jti is new is for the caller to prove.
 */
export async function verifyDpopProof(options: {
  proof: string
  method: string
  url: string
  accessToken?: string
  now: Date
}): Promise<Result<DpopProof, DpopFault>> {
  const { proof, method, url, accessToken, now } = options
  if (proof.length > lengthMax) return refused('It is too long, or there is more than one.')
  try {
    const { payload, protectedHeader } = await jwtVerify(proof, EmbeddedJWK, {
      algorithms: [...dpopAlgorithms],
      typ: 'dpop+jwt',
      requiredClaims: ['jti', 'htm', 'htu', 'iat'],
      currentDate: now,
    })
    const { jwk } = protectedHeader
    if (!jwk || 'd' in jwk) return refused('Its header carries no public key.')
    const { jti, htm, htu, iat, ath } = payload
    if (typeof jti !== 'string' || jti.length === 0 || jti.length > 200) return refused('Its jti is not usable.')
    if (htm !== method) return refused(`It is for another method than ${method}.`)
    if (typeof htu !== 'string' || plainUrl(htu) !== plainUrl(url)) return refused('It is for another address.')
    const ageSeconds = now.getTime() / 1000 - iat!
    if (ageSeconds > ageSecondsMax) return refused('It is too old: make one for every request.')
    if (ageSeconds < -aheadSecondsMax) return refused('It is from the future.')
    if (accessToken !== undefined && ath !== hashOf(accessToken)) return refused('It is for another access token.')
    const until = new Date((iat! + ageSecondsMax + 1) * 1000)
    return ok({ jkt: await calculateJwkThumbprint(jwk), jti, until })
  } catch (error) {
    if (error instanceof errors.JOSEError) return refused(`It does not verify (${error.code}).`)
    // What jose says of a key that is none.
    if (error instanceof TypeError || error instanceof DOMException) return refused('Its key is not usable.')
    throw error
  }
}

function hashOf(accessToken: string): string {
  return createHash('sha256').update(accessToken).digest('base64url')
}

/** As RFC 3986 §6.2.2 and 6.2.3 make addresses alike, without query and fragment; null when it is none. */
function plainUrl(text: string): string | null {
  if (!URL.canParse(text)) return null
  const { protocol, host, pathname } = new URL(text)
  return `${protocol}//${host}${pathname}`
}

function refused(why: string): Result<never, DpopFault> {
  return err({ rule: 'dpop_proof_invalid', message: `The DPoP proof is refused. ${why}` })
}
