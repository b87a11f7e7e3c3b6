import type { IncomingMessage } from 'node:http'
import { decodeJwt } from 'jose'
import type { Caller } from '#lib/guardrails/rules/facts.ts'
import type { Denial } from '#lib/guardrails/schema.ts'
import type { Sighting } from '#lib/registry/schema/unregistered.ts'

const windowMs = 5000
/** So many are told apart in one window; whoever sends more is counted as one. */
const kindsMax = 50
const others: Sighting = {
  source: 'broker',
  key: '(others)',
  name: 'More than are kept apart',
  verified: false,
  detail: {},
}

type Refused = { denial: Denial; caller: Caller | null; serverId: string | null; address: string }

/**
 * Callers that no registered agent stands behind, for whoever decides about them: those whose token is ours but names no agent, and those
 * who show a token of somebody else. Of these only what they claim is known, which is said. Counted here and written every few seconds.
 */
export class UnknownCallers {
  readonly #write: (sightings: readonly Sighting[]) => Promise<unknown>
  readonly #portalUrl: string
  readonly #onError: (error: unknown) => void
  #seen = new Map<string, Sighting & { count: number }>()
  #timer: NodeJS.Timeout | undefined
  #writing: Promise<void> = Promise.resolve()

  constructor(options: {
    write: (sightings: readonly Sighting[]) => Promise<unknown>
    /** Whose own tokens name registered agents, also when they do not count any more. */
    portalUrl: string
    onError: (error: unknown) => void
  }) {
    this.#write = options.write
    this.#portalUrl = options.portalUrl
    this.#onError = options.onError
  }

  note(request: IncomingMessage, refused: Refused): void {
    const sighting = sightingOf(request, refused, this.#portalUrl)
    if (!sighting) return
    const key = this.#seen.has(sighting.key) || this.#seen.size < kindsMax ? sighting.key : others.key
    const seen = this.#seen.get(key)
    if (seen) seen.count += 1
    else this.#seen.set(key, { ...(key === sighting.key ? sighting : others), count: 1 })
    this.#timer ??= setTimeout(() => void this.flush(), windowMs)
  }

  /** Resolves when what was noted until now is written, or could not be. */
  async flush(): Promise<void> {
    clearTimeout(this.#timer)
    this.#timer = undefined
    const sightings = [...this.#seen.values()]
    this.#seen = new Map()
    if (sightings.length > 0) {
      const before = this.#writing
      this.#writing = before.then(async () => void (await this.#write(sightings))).catch(this.#onError)
    }
    await this.#writing
  }
}

function sightingOf(
  request: IncomingMessage,
  { denial, caller, serverId, address }: Refused,
  portalUrl: string,
): Sighting | null {
  const detail = { rule: denial.rule, address, ...(serverId === null ? {} : { server: serverId }) }
  if (caller && denial.rule !== 'token_wrong_issuer') {
    if (denial.rule !== 'agent_unknown') return null
    const key = `agent ${caller.agentId}`
    return { source: 'broker', key, name: caller.agentId, verified: true, detail }
  }
  if (denial.rule !== 'token_invalid' && denial.rule !== 'token_wrong_issuer') return null
  const claims = claimsOf(request)
  if (!claims || claims.issuer === portalUrl) return null
  const { issuer, subject } = claims
  return {
    source: 'broker',
    key: `${issuer} ${subject}`,
    name: subject,
    verified: false,
    detail: { ...detail, issuer, subject },
  }
}

/** What a token says of itself; nothing of it is verified. */
function claimsOf(request: IncomingMessage): { issuer: string; subject: string } | null {
  const token = /^\w+ +([\w-]+\.[\w-]+\.[\w-]+)$/.exec(request.headers.authorization ?? '')?.[1]
  if (!token || token.length > 4096) return null
  try {
    const { iss, sub } = decodeJwt(token)
    if (typeof iss !== 'string' || typeof sub !== 'string' || iss === '' || sub === '') return null
    return { issuer: iss.slice(0, 200), subject: sub.slice(0, 200) }
  } catch {
    return null
  }
}
