import { KeyUnavailable } from '#lib/core/key-wrapper.ts'
import { DomainError } from '#lib/core/errors.ts'
import { type Challenge, type Prover, proverFor, type UpstreamToken } from '#lib/upstreams/commands.ts'
import type { RuleId } from '#lib/guardrails/schema.ts'
import type { BrokeredCredential } from '../view/view.ts'
import type { CredentialReport } from './credential-report.ts'
import { UpstreamFailure } from './failure.ts'
import { createRedact, type Redact, redactNothing } from '#lib/core/redaction.ts'

export type ClientTls = { cert: string; key: string; ca?: string }

/** What one request shows a server, and what must never come back out of its answer. */
export type Shown = {
  headers: Readonly<Record<string, string>>
  redact: Redact
  tls: ClientTls | null
  /** Where what is shown needs a proof with each request. */
  prover?: Prover
}

/** The broker has nothing to show that the server takes. Says nothing about the health of the server. */
export class CredentialFailure extends UpstreamFailure {
  readonly rule: RuleId

  constructor(rule: RuleId, message: string) {
    super('refused', message)
    this.rule = rule
  }
}

/** What the broker shows one server for one team, however it is obtained. */
export interface UpstreamCredential {
  /** Where how it fares is told; left out: of what nothing is told. */
  readonly report?: CredentialReport
  /** What to show now; null when it has to be obtained first (`obtain`). Asked for with every request, so it costs nothing. */
  current(): Shown | null
  /** Rejects with `CredentialFailure`. Many callers share one attempt. */
  obtain(): Promise<Shown>
  /**
   * The server refused what was shown. Resolves to true when something else is there to be shown; to false when that is how it is.
   * Rejects with `CredentialFailure` when the credential is to blame.
   */
  refused(shown: Shown, challenge: Challenge): Promise<boolean>
}

/** A secret is opened anew after this time, so that a key that was withdrawn ends its use; how long an outage may last, the box knows. */
const openedForMs = 5 * 60_000

/** A credential that is shown as it was set. */
export class StaticCredential implements UpstreamCredential {
  readonly report?: CredentialReport
  readonly #open: () => Promise<Shown>
  #shown: Shown | null = null
  #opening: Promise<Shown> | null = null
  #openAgainAt = 0

  constructor(open: () => Promise<Shown>, report?: CredentialReport) {
    this.#open = open
    if (report) this.report = report
  }

  current(): Shown | null {
    if (this.#shown && performance.now() >= this.#openAgainAt) this.obtain().catch(() => {})
    return this.#shown
  }

  obtain(): Promise<Shown> {
    this.#opening ??= this.#open()
      .then(
        (shown) => {
          // The same object as long as it shows the same: who compares sees no change.
          this.#shown ??= shown
          this.#openAgainAt = performance.now() + openedForMs
          return this.#shown
        },
        async (error: unknown) => {
          this.#shown = null
          const failure = openFailure(error)
          await this.report?.trouble(sentence(failure.message))
          throw failure
        },
      )
      .finally(() => {
        this.#opening = null
      })
    return this.#opening
  }

  async refused(_: Shown, { status }: Challenge): Promise<boolean> {
    if (status !== 401) return false
    await this.report?.trouble(refusedText(status))
    throw new CredentialFailure('credential_refused', "it refuses the broker's credential (401)")
  }
}

/** As the page of credentials says it. */
export function refusedText(status: number): string {
  return `The server refuses it (${status}).`
}

function sentence(words: string): string {
  return `${words.charAt(0).toUpperCase()}${words.slice(1)}.`
}

const bare: Shown = { headers: {}, redact: redactNothing, tls: null }

/** For a server without a credential: until it asks for one. */
export const noCredential: UpstreamCredential = {
  current: () => bare,
  obtain: async () => bare,
  async refused(_, { status }) {
    if (status !== 401) return false
    throw new CredentialFailure(
      'credential_missing',
      'it asks for a credential, and there is none for this agent’s team',
    )
  },
}

export const missingText = 'other teams have a credential there, the team of this agent has none'

/** For an agent whose team has no credential while other teams have: nothing is sent. */
export const missingCredential: UpstreamCredential = {
  current: () => null,
  async obtain() {
    throw new CredentialFailure('credential_missing', missingText)
  },
  refused: async () => false,
}

/** Opens what is shown as it is: bearer, basic, header and client certificate. */
export function staticCredential(
  as: Pick<BrokeredCredential, 'kind' | 'headerName'>,
  { open, report }: { open: () => Promise<string>; report: CredentialReport },
): UpstreamCredential {
  return new StaticCredential(async () => shownOf(as, await open()), report)
}

export function bearerShown(token: string): Shown {
  return { headers: { authorization: `Bearer ${token}` }, redact: createRedact([token]), tls: null }
}

/**
 * A token of an authorization server as the server at this address is shown it. Nothing comes back of what the authorization server knows
 * either, nor of the tokens before, which may still be good.
 */
export async function tokenShown(url: string, token: UpstreamToken, before: readonly UpstreamToken[]): Promise<Shown> {
  const secrets = [token, ...before].flatMap((one) => [one.accessToken, one.dpopKey?.d ?? '', ...(one.secrets ?? [])])
  const { accessToken } = token
  const prover = await proverFor(url, token)
  if (!prover) return { headers: { authorization: `Bearer ${accessToken}` }, redact: createRedact(secrets), tls: null }
  // Encoded, a proof is known by its header, which is the same in all of them.
  const [header = ''] = (await prover.proof('POST')).split('.')
  const redactSecrets = createRedact([...secrets, header])
  const redact: Redact = (text) => redactSecrets(withoutProofs(text))
  return { headers: { authorization: `DPoP ${accessToken}` }, redact, tls: null, prover }
}

/** Each request has a proof of its own, so they are known by what they say they are. Takes time in proportion to the text, whatever its server makes it of. */
function withoutProofs(text: string): string {
  if (!text.includes('eyJ')) return text
  return text.replaceAll(/[\w.-]+/g, (run) => (run.includes('eyJ') ? withoutProofsIn(run) : run))
}

/** Of what holds no other character than a JWT does. */
function withoutProofsIn(run: string): string {
  const parts = run.split('.')
  const kept: string[] = []
  for (let at = 0; at < parts.length; at += 1) {
    const part = parts[at]!
    const begin = part.indexOf('eyJ')
    const isWhole = begin !== -1 && !!parts[at + 1] && !!parts[at + 2]
    if (isWhole && isProof(part.slice(begin))) {
      kept.push(`${part.slice(0, begin)}[redacted]`)
      at += 2
    } else kept.push(part)
  }
  return kept.join('.')
}

function isProof(header: string): boolean {
  return Buffer.from(header, 'base64url').toString().includes('"dpop+jwt"')
}

function shownOf({ kind, headerName }: Pick<BrokeredCredential, 'kind' | 'headerName'>, secret: string): Shown {
  switch (kind) {
    case 'bearer':
      return bearerShown(secret)
    case 'basic': {
      const encoded = Buffer.from(secret).toString('base64')
      const password = secret.slice(secret.indexOf(':') + 1)
      const headers = { authorization: `Basic ${encoded}` }
      return { headers, redact: createRedact([secret, encoded, password]), tls: null }
    }
    case 'header':
      return { headers: { [(headerName ?? '').toLowerCase()]: secret }, redact: createRedact([secret]), tls: null }
    case 'mtls': {
      const { certificate, privateKey, ca } = JSON.parse(secret) as Record<string, string>
      const tls = { cert: certificate!, key: privateKey!, ...(ca === undefined ? {} : { ca }) }
      return { headers: {}, redact: createRedact([privateKey!]), tls }
    }
    default:
      throw new Error('This kind of credential is unknown.')
  }
}

/** Why a credential cannot be had, without anything of it. */
export function openFailure(error: unknown): CredentialFailure {
  if (error instanceof CredentialFailure) return error
  if (error instanceof UpstreamFailure) return new CredentialFailure('credential_refused', error.message)
  if (error instanceof KeyUnavailable || (error instanceof DomainError && error.code === 'unavailable')) {
    return new CredentialFailure('credential_unavailable', 'the key of its credential cannot be used now')
  }
  return new CredentialFailure('credential_unavailable', 'the broker cannot open its credential')
}
