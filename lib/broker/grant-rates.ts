import type { Allowed } from '#lib/guardrails/rules/decide.ts'
import type { GrantFacts } from '#lib/guardrails/rules/facts.ts'
import type { Denial } from '#lib/guardrails/schema.ts'
import { rateText } from '#lib/registry/schema/conditions.ts'

const periodMs = { minute: 60_000, hour: 3_600_000 } as const
const sweepMs = 60_000

/** The times of the last calls under a grant, oldest first from `next` on: a ring of as many as the rate allows. */
type Ring = { times: Float64Array; next: number; periodMs: number }

/**
 * How often each grant was used, exactly, in the memory of this broker: with several replicas each allows as much. Only grants that have a rate are counted.
 */
export class GrantRates {
  readonly #now: () => number
  readonly #rings = new Map<string, Ring>()
  #sweptAt: number

  /** @param now of a monotonic clock, in milliseconds */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now
    this.#sweptAt = now()
  }

  /** Counts a call under the first grant that has one left; what refuses it when none has, or null. */
  take({ grant, grants }: Pick<Allowed, 'grant' | 'grants'>): Denial | null {
    if (!grant.rate) return null
    const now = this.#now()
    this.#sweep(now)
    let waitMs = Number.POSITIVE_INFINITY
    for (const each of grants) {
      const ring = this.#ringOf(each)
      const freeAt = ring.times[ring.next]! + ring.periodMs
      if (freeAt <= now) {
        ring.times[ring.next] = now
        ring.next = (ring.next + 1) % ring.times.length
        return null
      }
      waitMs = Math.min(waitMs, freeAt - now)
    }
    return denialOf(grant, Math.ceil(waitMs))
  }

  #ringOf({ id, rate }: GrantFacts): Ring {
    const { calls, per } = rate!
    let ring = this.#rings.get(id)
    if (!ring || ring.times.length !== calls || ring.periodMs !== periodMs[per]) {
      ring = { times: new Float64Array(calls).fill(Number.NEGATIVE_INFINITY), next: 0, periodMs: periodMs[per] }
      this.#rings.set(id, ring)
    }
    return ring
  }

  /** A ring whose newest call is over says nothing. */
  #sweep(now: number): void {
    if (now - this.#sweptAt < sweepMs) return
    this.#sweptAt = now
    for (const [id, { times, next, periodMs }] of this.#rings) {
      if (times.at(next - 1)! + periodMs <= now) this.#rings.delete(id)
    }
  }
}

function denialOf({ id, rate }: GrantFacts, retryAfterMs: number): Denial {
  const { calls, per } = rate!
  return {
    rule: 'grant_rate',
    message: `The grant allows ${rateText({ calls, per })}; ${calls} of ${calls} are used. Try again in ${Math.ceil(retryAfterMs / 1000)} s.`,
    facts: { grant: id, calls, per, used: calls, retryAfterMs },
  }
}
