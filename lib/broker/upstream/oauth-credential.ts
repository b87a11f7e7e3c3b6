import { extractWWWAuthenticateParams } from '@modelcontextprotocol/client'
import { DomainError } from '#lib/core/errors.ts'
import { guardResult } from '#lib/guardrails/rules/guard-result.ts'
import { type Challenge, challengeResponse, UpstreamAuthProblem, type UpstreamToken } from '#lib/upstreams/commands.ts'
import type { CredentialReport } from './credential-report.ts'
import { CredentialFailure, openFailure, type Shown, tokenShown, type UpstreamCredential } from './credential.ts'

/** A new token is asked for so long before the present one ends, while that one still goes, */
const earlyMs = 60_000
/** and it is not shown any more when it ends sooner than this. */
const marginMs = 10_000
/** Of so many tokens before, what was secret comes back to nobody. */
const beforeMax = 4
/** Longer lists no person decides about. */
const scopesLengthMax = 1000
const scopes = /^[!#-[\]-~]+(?: [!#-[\]-~]+)*$/

export type TokenRequest = {
  /** The token the server refused; null when one is needed because none is there or it ends. */
  refused: string | null
  challenge: Challenge | null
  heldScope: string | null
  /** What the token before was bound to. */
  heldKey: UpstreamToken['dpopKey']
}

export type OAuthParts = {
  /** Of the server that is shown the token. */
  url: string
  token(request: TokenRequest): Promise<UpstreamToken>
  /** Whether the platform itself may ask for more scopes than were granted; else a person has to. */
  mayWiden: boolean
  /** Told in the platform's own words, before anybody is refused for it: whoever looks then finds why, and what was wanted. */
  report: CredentialReport
  /** Its tokens are in the memory of this process alone, so it says when they end. */
  tellsExpiry?: boolean
}

/** A credential that is a token of an authorization server: obtained when first needed, replaced before it ends and when it is refused. */
export class OAuthCredential implements UpstreamCredential {
  readonly report: CredentialReport
  readonly #parts: OAuthParts
  #held: { shown: Shown; token: UpstreamToken } | null = null
  #before: readonly UpstreamToken[] = []
  #obtaining: Promise<Shown> | null = null

  constructor(parts: OAuthParts) {
    this.#parts = parts
    this.report = parts.report
  }

  current(): Shown | null {
    const held = this.#held
    if (!held) return null
    const { expiresAt } = held.token
    if (expiresAt === null) return held.shown
    const left = expiresAt - Date.now()
    if (left < marginMs) return null
    if (left < earlyMs) this.obtain().catch(() => {})
    return held.shown
  }

  obtain(): Promise<Shown> {
    const { scope = null, dpopKey } = this.#held?.token ?? {}
    return this.#obtain({ refused: null, challenge: null, heldScope: scope, heldKey: dpopKey })
  }

  async refused(shown: Shown, challenge: Challenge): Promise<boolean> {
    const { error, scope } = extractWWWAuthenticateParams(
      challengeResponse(challenge.status, challenge.wwwAuthenticate),
    )
    if (challenge.status === 403 && error !== 'insufficient_scope') return false
    // Another request was refused before: it has obtained a new one already, or is about to.
    if (this.#held && this.#held.shown !== shown) return true
    if (this.#obtaining) return await this.#obtaining.then(() => true)
    const { scope: heldScope = null, dpopKey: heldKey } = this.#held?.token ?? {}
    if (challenge.status === 403 && !this.#parts.mayWiden) {
      const wanted = scope ? scopesIn(scope, shown) : null
      const unnamed = scope && !wanted ? ', and names them in no way that can be shown' : ''
      await this.report.trouble(`The server asks for more scopes${unnamed}.`, wanted)
      throw new CredentialFailure('credential_scope', 'it asks for scopes that its credential does not have')
    }
    const refused = shown.headers['authorization']?.replace(/^(?:Bearer|DPoP) /, '') ?? null
    this.#held = null
    await this.#obtain({ refused, challenge, heldScope, heldKey })
    return true
  }

  #obtain(request: TokenRequest): Promise<Shown> {
    this.#obtaining ??= this.#parts
      .token(request)
      .then(async (token) => {
        const same = this.#held?.token.accessToken === token.accessToken ? this.#held.shown : null
        this.#held = { shown: same ?? (await tokenShown(this.#parts.url, token, this.#before)), token }
        this.#before = [...this.#before, token].slice(-beforeMax)
        if (this.#parts.tellsExpiry) void this.report.renewed(token.expiresAt)
        return this.#held.shown
      })
      .catch(async (error: unknown) => {
        const failure = failureOf(error)
        await this.report.trouble(error instanceof DomainError ? error.message : failure.message)
        throw failure
      })
      .finally(() => {
        this.#obtaining = null
      })
    return this.#obtaining
  }
}

/** What a server says it wants, if that is a list of scopes (RFC 6749, 3.3) and holds nothing that a server's words are guarded for. Null when people are not shown it. */
function scopesIn(said: string, { redact }: Shown): string | null {
  if (said.length > scopesLengthMax || !scopes.test(said) || redact(said) !== said) return null
  return guardResult({ scope: said }, { mask: true }).findings ? null : said
}

function failureOf(error: unknown): CredentialFailure {
  if (!(error instanceof UpstreamAuthProblem)) return openFailure(error)
  return new CredentialFailure('credential_refused', 'its authorization server gives the broker no token')
}
