import type { KeyObject } from 'node:crypto'
import { decodeProtectedHeader } from 'jose'
import { type AccessToken, isFor, verifyAccessToken } from '#lib/auth/rules/access-token.ts'
import { err, ok, type Result } from '#lib/core/result.ts'
import { isRevoked, revokedText } from '#lib/guardrails/rules/decide.ts'
import type { Denial } from '#lib/guardrails/schema.ts'

const rememberedMax = 20_000

/** A key of ours, and until when (milliseconds since 1970) it verifies. */
export type VerifyingKey = { readonly key: KeyObject; readonly until: number }

/** A token with the names under which it may be revoked, and what of it stays when it is renewed. */
export type VerifiedToken = AccessToken & { readonly revocableAs: readonly string[]; readonly credential: string }

/** `holder`: whose token it is, where that is known although it does not count. */
export type Unverified = { denial: Denial; holder: VerifiedToken | null }

type Remembered = { token: VerifiedToken; key: KeyObject }

/**
 * Verifies agent tokens: of this platform, for this broker or the server that is asked for, valid now and not revoked. A token that was
 * verified is remembered until it expires or its key goes, so that its signature is checked once; all else is checked every time.
 */
export class TokenVerifier {
  readonly #issuer: string
  readonly #broker: string
  readonly #keys: ReadonlyMap<string, VerifyingKey>
  readonly #revoked: ReadonlySet<string>
  readonly #remembered = new Map<string, Remembered>()

  constructor(options: {
    issuer: string
    /** The resource of the whole broker. */
    broker: string
    keys: ReadonlyMap<string, VerifyingKey>
    /** Ids of tokens and clients, as `revocationsOf` names them. */
    revoked: ReadonlySet<string>
  }) {
    this.#issuer = options.issuer
    this.#broker = options.broker
    this.#keys = options.keys
    this.#revoked = options.revoked
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

  /** Whether it is a token of this platform that is valid now; for what it may be used is `refuse`. */
  async verify(token: string, now: Date): Promise<Result<VerifiedToken, Unverified>> {
    const seconds = now.getTime() / 1000
    const keyFor = (kid: string) => {
      const known = this.#keys.get(kid)
      return known && known.until > now.getTime() ? known.key : undefined
    }
    const remembered = this.#remembered.get(token)
    if (remembered) {
      const { notBefore, expires, kid } = remembered.token
      if (expires > seconds && notBefore <= seconds && keyFor(kid) === remembered.key) return ok(remembered.token)
      this.#remembered.delete(token)
    }
    // The very key it was verified with: the view may have another, or none, by the time it is.
    let key: KeyObject | undefined
    const issuer = this.#issuer
    const verified = await verifyAccessToken({ token, issuer, keyFor: (kid) => (key = keyFor(kid)), now })
    if (!verified.ok) {
      const { holder, ...denial } = verified.error
      return err({ denial, holder: holder ? named(holder) : null })
    }
    const read = named(verified.value)
    if (key) this.#remember(token, { token: read, key }, seconds)
    return ok(read)
  }

  /**
   * Why a verified token does not count here; null when it does.
   * @param resource the address that is asked for: `{broker}/mcp` or one of its servers
   */
  refuse(token: VerifiedToken, resource: string): Denial | null {
    if (!isFor(token, { broker: this.#broker, resource })) {
      return { rule: 'token_wrong_audience', message: 'The token was made for another service.' }
    }
    if (this.#revoked.size === 0 || !isRevoked(token, this.#revoked)) return null
    return { rule: 'token_revoked', message: revokedText }
  }

  /** How many tokens it need not verify again. */
  get remembered(): number {
    return this.#remembered.size
  }

  /** An agent comes back with a newer token, and never with the one that has expired: those stand first, the oldest before all. */
  #remember(token: string, entry: Remembered, seconds: number): void {
    for (const [oldest, { token: known }] of this.#remembered) {
      if (known.expires > seconds && this.#remembered.size < rememberedMax) break
      this.#remembered.delete(oldest)
    }
    this.#remembered.set(token, entry)
  }
}

function named(token: AccessToken): VerifiedToken {
  const { clientId, jkt } = token
  const credential = jkt === null ? clientId : `${clientId} ${jkt}`
  return { ...token, revocableAs: revocationsOf(token), credential }
}

/** As the view names what was revoked; the same words are in its SQL. */
function revocationsOf({ clientId, jti, origin }: AccessToken): readonly string[] {
  return [...new Set([`client:${clientId}`, `token:${jti}`, `token:${origin}`])]
}
