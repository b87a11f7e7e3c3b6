import type { KeyObject } from 'node:crypto'
import { errors, type JWTPayload, jwtVerify } from 'jose'
import { err, ok, type Result } from '#lib/core/result.ts'

/** Tolerated between the clock of who issues and who verifies. */
export const clockToleranceSeconds = 5

/** A retired key verifies, and stays published, until the last token it signed has expired (15 minutes), with a minute for clocks. */
export const verifiesAfterRetirementMs = 16 * 60_000

/** What a token says of whom its client acts for when they never signed in here. */
export const unknownDriver = 'unknown'

/** An access token of this platform, verified. */
export type AccessToken = {
  readonly agentId: string
  readonly version: number
  readonly runId: string | null
  /** Of the credential it was issued for, or `run:{id}`. */
  readonly clientId: string
  readonly jti: string
  /** The token it was exchanged from, and so ends with; its own jti otherwise. */
  readonly origin: string
  readonly audiences: readonly string[]
  /** Thumbprint of the key it is bound to (RFC 9449); null: a bearer token. */
  readonly jkt: string | null
  /** Whom its client acts for, when an identity provider said so. */
  readonly drivenBy?: TokenDriver
  /** Seconds since 1970, with the tolerance. */
  readonly notBefore: number
  readonly expires: number
  readonly kid: string
}

/** A person here, or somebody who never signed in (null), by the name under which they would: the issuer and its subject. Older tokens leave that out. */
export type TokenDriver = { readonly personId: string | null; readonly subject?: string }

export type TokenFault = {
  rule:
    | 'token_invalid'
    | 'token_expired'
    | 'token_not_yet_valid'
    | 'token_wrong_issuer'
    | 'token_wrong_audience'
    | 'token_revoked'
    | 'token_binding'
  message: string
  /** Whose token it is all the same: left out unless its signature is ours and its claims are an agent's. */
  holder?: AccessToken
}

/**
 * Verifies an access token of this platform (RFC 9068): of type at+jwt, signed with EdDSA by one of our keys, whose kid it names,
 * by the issuer, and valid now. What the token says about keys or algorithms chooses nothing. Whom it is for is `isFor`.
 */
export async function verifyAccessToken(options: {
  token: string
  issuer: string
  keyFor: (kid: string) => KeyObject | undefined
  now: Date
}): Promise<Result<AccessToken, TokenFault>> {
  let kid = ''
  try {
    const { payload } = await jwtVerify(
      options.token,
      (header) => {
        kid = header.kid ?? ''
        const key = options.keyFor(kid)
        if (!key) throw new errors.JWKSNoMatchingKey()
        return key
      },
      {
        algorithms: ['EdDSA'],
        typ: 'at+jwt',
        issuer: options.issuer,
        requiredClaims: ['exp', 'nbf', 'sub', 'jti', 'aud'],
        clockTolerance: clockToleranceSeconds,
        currentDate: options.now,
      },
    )
    const read = readClaims(payload, kid)
    return read ? ok(read) : fault('token_invalid', 'The token lacks the claims of an agent token.')
  } catch (error) {
    const found = faultOf(error)
    const holder = holderOf(error, kid)
    return err(holder ? { ...found, holder } : found)
  }
}

/** Claims are looked at only after the signature: of a token that is refused for when or by whom it was made it is known whose it is. */
function holderOf(error: unknown, kid: string): AccessToken | null {
  const isLate = error instanceof errors.JWTExpired
  const isEarly = error instanceof errors.JWTClaimValidationFailed && ['iss', 'nbf'].includes(error.claim)
  if (!isLate && !isEarly) return null
  return readClaims(error.payload, kid)
}

/** Whether the token was issued for the whole broker or for this one of its servers (RFC 8707). */
export function isFor(token: AccessToken, where: { broker: string; resource: string }): boolean {
  return token.audiences.includes(where.broker) || token.audiences.includes(where.resource)
}

function readClaims(payload: JWTPayload, kid: string): AccessToken | null {
  const { sub, agent_version: version, run, client_id: clientId, jti, origin = jti, cnf } = payload
  const audiences = [payload.aud ?? []].flat()
  const jkt = cnf === undefined ? null : jktOf(cnf)
  if (typeof sub !== 'string' || typeof version !== 'number' || !Number.isInteger(version)) return null
  if (run !== undefined && typeof run !== 'string') return null
  if (typeof clientId !== 'string' || typeof jti !== 'string' || typeof origin !== 'string') return null
  // A confirmation this platform does not know is not one it may leave unconfirmed.
  if (jkt !== null && typeof jkt !== 'string') return null
  const drivenBy = driverOf(payload)
  if (drivenBy === null) return null
  const notBefore = payload.nbf! - clockToleranceSeconds
  const expires = payload.exp! + clockToleranceSeconds
  const token = { agentId: sub, version, runId: run ?? null, clientId, jti, origin, audiences, jkt }
  return { ...token, ...drivenBy, notBefore, expires, kid }
}

/** null: its claims are not as we write them. */
function driverOf({ driven_by: driver, driven_by_subject: subject }: JWTPayload): { drivenBy?: TokenDriver } | null {
  if (driver === undefined) return {}
  if (typeof driver !== 'string' || (subject !== undefined && typeof subject !== 'string')) return null
  if (driver !== unknownDriver) return { drivenBy: { personId: driver } }
  return { drivenBy: { personId: null, ...(subject === undefined ? {} : { subject }) } }
}

function jktOf(confirmation: unknown): unknown {
  return typeof confirmation === 'object' && confirmation !== null && 'jkt' in confirmation
    ? confirmation.jkt
    : undefined
}

function faultOf(error: unknown): TokenFault {
  if (error instanceof errors.JWTExpired) return { rule: 'token_expired', message: 'The token has expired.' }
  if (error instanceof errors.JWTClaimValidationFailed) {
    if (error.claim === 'iss') return { rule: 'token_wrong_issuer', message: 'Another issuer made the token.' }
    if (error.claim === 'nbf') return { rule: 'token_not_yet_valid', message: 'The token is not valid yet.' }
    return { rule: 'token_invalid', message: `The token's claim ${error.claim} is not acceptable.` }
  }
  if (error instanceof errors.JOSEError)
    return { rule: 'token_invalid', message: `The token does not verify (${error.code}).` }
  throw error
}

function fault(rule: TokenFault['rule'], message: string): Result<never, TokenFault> {
  return err({ rule, message })
}
