import { err, ok, type Result } from '#lib/core/result.ts'

const second = 1000
const minute = 60 * second
const hour = 60 * minute

/**
 * How long after each failed attempt the next one comes: eleven in about four and a half days, as the Standard Webhooks specification proposes ("Deliverability and
 * reliability").
 */
export const retryDelaysMs: readonly number[] = [
  5 * second,
  5 * minute,
  30 * minute,
  2 * hour,
  5 * hour,
  10 * hour,
  14 * hour,
  20 * hour,
  24 * hour,
  24 * hour,
]

/** A receiver that asks to wait longer is not waited for. */
const retryAfterMsMax = 24 * hour
/** An endpoint that has been tried this long without one success is switched off. */
export const failingMsMax = 5 * 24 * hour

/** Calls of agents and questions of people come by the thousand: `*` leaves them out, whoever wants them names them. */
const noisyFamilies = ['mcp.', 'registry.'] as const

/** Whether an endpoint that asks for these patterns is told of the event. */
export function isWanted(patterns: readonly string[], event: string): boolean {
  return patterns.some((pattern) => {
    if (pattern === '*') return !noisyFamilies.some((family) => event.startsWith(family))
    return pattern.endsWith('.*') ? event.startsWith(pattern.slice(0, -1)) : pattern === event
  })
}

/** A pattern that no event of the catalogue fits; undefined when each fits one. */
export function unknownPattern(patterns: readonly string[], catalogue: readonly string[]): string | undefined {
  return patterns.find((pattern) => pattern !== '*' && !catalogue.some((event) => isWanted([pattern], event)))
}

export type AttemptOutcome = { status: number | null; retryAfterMs: number | null }
export type Settled =
  | { state: 'delivered' }
  | { state: 'pending'; nextAttemptAt: Date }
  /** `gone`: the receiver wants no more of them, ever (410). */
  | { state: 'failed'; gone: boolean }

/** What follows from an attempt: any 2xx is a success, 410 the end, everything else (redirects too) another try while there is one left. */
export function settle(outcome: AttemptOutcome, attempts: number, now: Date): Settled {
  const { status } = outcome
  if (status !== null && status >= 200 && status < 300) return { state: 'delivered' }
  if (status === 410) return { state: 'failed', gone: true }
  const delay = retryDelaysMs[attempts - 1]
  if (delay === undefined) return { state: 'failed', gone: false }
  const asked = Math.min(outcome.retryAfterMs ?? 0, retryAfterMsMax)
  return { state: 'pending', nextAttemptAt: new Date(now.getTime() + Math.max(delay, asked)) }
}

/** `Retry-After` (RFC 9110 §10.2.3) as milliseconds from now; null when it says nothing. */
export function retryAfterMs(header: string | null, now: Date): number | null {
  if (header === null) return null
  if (/^\d{1,9}$/.test(header.trim())) return Number(header) * second
  const at = Date.parse(header)
  return Number.isNaN(at) ? null : Math.max(0, at - now.getTime())
}

/** Whether an address may be told anything: https, or http to a host that is allowed to be private. */
export function checkAddress(url: string, privateHosts: readonly string[]): Result<null, string> {
  const { protocol, hostname } = new URL(url)
  if (protocol === 'https:' || privateHosts.includes(hostname)) return ok(null)
  return err('Use an https address; what is sent must not travel in the clear.')
}
