import type { KeyObject } from 'node:crypto'
import { decodeProtectedHeader } from 'jose'
import { type AccessToken, isFor, verifyAccessToken } from '#lib/auth/rules/access-token.ts'
import { ok, type Result } from '#lib/core/result.ts'
import type { Denial } from '#lib/guardrails/schema.ts'

const rememberedMax = 20_000

/** A key of ours, and until when (milliseconds since 1970) it verifies. */
export type VerifyingKey = { readonly key: KeyObject; readonly until: number }

type Remembered = { token: AccessToken; key: KeyObject }

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
    /** Ids of tokens and clients, as `revocationOf` names them. */
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
  async verify(token: string, now: Date): Promise<Result<AccessToken, Denial>> {
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
    if (verified.ok && key) this.#remember(token, { token: verified.value, key })
    return verified
  }

  /**
   * Why a verified token does not count here; null when it does.
   * @param resource the address that is asked for: `{broker}/mcp` or one of its servers
   */
  refuse(token: AccessToken, resource: string): Denial | null {
    if (!isFor(token, { broker: this.#broker, resource })) {
      return { rule: 'token_wrong_audience', message: 'The token was made for another service.' }
    }
    if (this.#revoked.size === 0) return null
    const { clientId, jti, origin } = token
    const names = [revocationOf.client(clientId), revocationOf.token(jti), revocationOf.token(origin)]
    if (!names.some((name) => this.#revoked.has(name))) return null
    return { rule: 'token_revoked', message: 'The token, or the credential it was issued for, was revoked.' }
  }

  #remember(token: string, entry: Remembered): void {
    if (this.#remembered.size >= rememberedMax) {
      const oldest = this.#remembered.keys().next()
      if (!oldest.done) this.#remembered.delete(oldest.value)
    }
    this.#remembered.set(token, entry)
  }
}

/** How the view names what was revoked; the same words are in its SQL. */
export const revocationOf = {
  client: (clientId: string) => `client:${clientId}`,
  token: (jti: string) => `token:${jti}`,
} as const
