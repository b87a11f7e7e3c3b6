import type { KeyObject } from 'node:crypto'
import { decodeProtectedHeader, errors, type JWTPayload, jwtVerify } from 'jose'
import { err, ok, type Result } from '#lib/core/result.ts'
import type { Caller } from '#lib/guardrails/rules/facts.ts'
import type { Denial, RuleId } from '#lib/guardrails/schema.ts'

const clockToleranceSeconds = 5
const rememberedMax = 20_000

type Remembered = { caller: Caller; key: KeyObject; kid: string; notBefore: number; expires: number }

/**
 * Verifies agent tokens: signed with EdDSA by a published key, of type at+jwt, issued by the portal for this broker and valid now. A
 * token that was verified is remembered until it expires or its key goes, so that its signature is checked once.
 */
export class TokenVerifier {
  readonly #issuer: string
  readonly #audience: string
  readonly #keys: ReadonlyMap<string, KeyObject>
  readonly #remembered = new Map<string, Remembered>()

  constructor(options: { issuer: string; audience: string; keys: ReadonlyMap<string, KeyObject> }) {
    this.#issuer = options.issuer
    this.#audience = options.audience
    this.#keys = options.keys
  }

  /** Whether the token names a key that is not known (yet): then a reload of the keys is worth it. */
  isKeyUnknown(token: string): boolean {
    try {
      const { kid } = decodeProtectedHeader(token)
      return typeof kid === 'string' && kid.length <= 100 && !this.#keys.has(kid)
    } catch {
      return false
    }
  }

  async verify(token: string, now: Date): Promise<Result<Caller, Denial>> {
    const seconds = now.getTime() / 1000
    const remembered = this.#remembered.get(token)
    if (
      remembered &&
      remembered.expires > seconds &&
      remembered.notBefore <= seconds &&
      this.#keys.get(remembered.kid) === remembered.key
    ) {
      return ok(remembered.caller)
    }
    try {
      let key: KeyObject | undefined
      const { payload, protectedHeader } = await jwtVerify(
        token,
        (header) => {
          key = this.#keys.get(header.kid ?? '')
          if (!key) throw new errors.JWKSNoMatchingKey()
          return key
        },
        {
          algorithms: ['EdDSA'],
          typ: 'at+jwt',
          issuer: this.#issuer,
          audience: this.#audience,
          requiredClaims: ['exp', 'nbf', 'sub', 'jti'],
          clockTolerance: clockToleranceSeconds,
          currentDate: now,
        },
      )
      const caller = callerOf(payload)
      if (!caller) return denied('token_invalid', 'The token lacks the claims of an agent token.')
      this.#remember(token, {
        caller,
        key: key!,
        kid: protectedHeader.kid!,
        notBefore: payload.nbf! - clockToleranceSeconds,
        expires: payload.exp! + clockToleranceSeconds,
      })
      return ok(caller)
    } catch (error) {
      return refusalOf(error)
    }
  }

  #remember(token: string, entry: Remembered): void {
    if (this.#remembered.size >= rememberedMax) {
      const oldest = this.#remembered.keys().next()
      if (!oldest.done) this.#remembered.delete(oldest.value)
    }
    this.#remembered.set(token, entry)
  }
}

function callerOf(payload: JWTPayload): Caller | null {
  const { sub, agent_version: version, run } = payload
  if (typeof sub !== 'string' || typeof version !== 'number' || !Number.isInteger(version)) return null
  if (run !== undefined && typeof run !== 'string') return null
  return { agentId: sub, version, runId: run ?? null }
}

function refusalOf(error: unknown): Result<never, Denial> {
  if (error instanceof errors.JWTExpired) return denied('token_expired', 'The token has expired.')
  if (error instanceof errors.JWTClaimValidationFailed) {
    if (error.claim === 'iss') return denied('token_wrong_issuer', 'Another issuer made the token.')
    if (error.claim === 'aud') return denied('token_wrong_audience', 'The token was made for another service.')
    if (error.claim === 'nbf') return denied('token_not_yet_valid', 'The token is not valid yet.')
    return denied('token_invalid', `The token's claim ${error.claim} is not acceptable.`)
  }
  if (error instanceof errors.JOSEError) return denied('token_invalid', `The token does not verify (${error.code}).`)
  throw error
}

function denied(rule: RuleId, message: string): Result<never, Denial> {
  return err({ rule, message })
}
