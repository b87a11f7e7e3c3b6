import { times } from '#lib/core/count.ts'
import { burstSeconds } from '#lib/guardrails/rules/call-rates.ts'
import { limitFacts } from '#lib/guardrails/rules/own-limits.ts'
import type { Denial } from '#lib/guardrails/schema.ts'
import type { Limits } from './limits.ts'

type Bucket = { tokens: number; at: number }

type RateOf = (id: string) => number | null | undefined
type Own = { agent?: RateOf; server?: RateOf }

const sweepMs = 60_000

/**
 * How often agents and servers may be called, as token buckets in the memory of this broker, which takes an equal share of each rate: of so many brokers that live one part,
 * so that all together take no more than the rate. A rate of 0 is no limit.
 */
export class RateLimits {
  readonly #limits: Pick<Limits, 'agentCallsPerSecond' | 'serverCallsPerSecond'>
  readonly #own: Own
  readonly #now: () => number
  readonly #brokers: () => number
  readonly #agents = new Map<string, Bucket>()
  readonly #servers = new Map<string, Bucket>()
  #sweptAt: number

  /**
   * @param own what single agents and servers have of their own
   * @param brokers how many live, this one included
   * @param now of a monotonic clock, in milliseconds
   */
  constructor(
    limits: Pick<Limits, 'agentCallsPerSecond' | 'serverCallsPerSecond'>,
    own: Own = {},
    { brokers = () => 1, now = () => performance.now() }: { brokers?: () => number; now?: () => number } = {},
  ) {
    this.#limits = limits
    this.#own = own
    this.#brokers = brokers
    this.#now = now
    this.#sweptAt = now()
  }

  /** Counts a call of an agent, whatever becomes of it; what refuses it, or null. */
  takeForAgent(agentId: string): Denial | null {
    const own = this.#own.agent?.(agentId)
    return this.#take(this.#agents, agentId, { scope: 'agent', own, others: this.#limits.agentCallsPerSecond })
  }

  /** Counts a call that is about to be sent to a server; what refuses it, or null. */
  takeForServer(serverId: string): Denial | null {
    const own = this.#own.server?.(serverId)
    return this.#take(this.#servers, serverId, { scope: 'server', own, others: this.#limits.serverCallsPerSecond })
  }

  #take(
    buckets: Map<string, Bucket>,
    id: string,
    { scope, own, others }: { scope: 'agent' | 'server'; own: ReturnType<RateOf>; others: number },
  ): Denial | null {
    const rate = own ?? others
    if (rate === 0) return null
    const now = this.#now()
    this.#sweep(now)
    const brokers = Math.max(1, this.#brokers())
    const share = rate / brokers
    // One call at least, or a small share would let none through, ever.
    const burst = Math.max(1, share * burstSeconds)
    const held = buckets.get(id)
    const bucket = held ?? { tokens: burst, at: now }
    if (!held) buckets.set(id, bucket)
    bucket.tokens = Math.min(burst, bucket.tokens + ((now - bucket.at) / 1000) * share)
    bucket.at = now
    if (bucket.tokens >= 1) {
      bucket.tokens -= 1
      return null
    }
    const retryAfterMs = Math.ceil(((1 - bucket.tokens) / share) * 1000)
    const [atOnce, used] = [Math.floor(burst), Math.floor(burst - bucket.tokens)]
    const often = `${scope === 'agent' ? 'call' : 'be called'} ${times(rate)} a second`
    const here = brokers > 1 ? `; of that each of the ${brokers} brokers takes an equal part` : ''
    return {
      rule: 'rate_limited',
      message: `The ${scope} ${id} may ${often} (${rate * burstSeconds} at once)${here}; ${used} of ${atOnce} are used. Try again in ${retryAfterMs} ms.`,
      facts: {
        scope,
        callsPerSecond: rate,
        burst: atOnce,
        used,
        retryAfterMs,
        ...(brokers > 1 ? { brokers } : {}),
        ...limitFacts('callsPerSecond', { limit: rate, limitOf: typeof own === 'number' ? scope : 'platform' }),
      },
    }
  }

  /** A bucket that has filled up again says nothing. */
  #sweep(now: number): void {
    if (now - this.#sweptAt < sweepMs) return
    this.#sweptAt = now
    for (const buckets of [this.#agents, this.#servers]) {
      for (const [id, bucket] of buckets) if (now - bucket.at > sweepMs) buckets.delete(id)
    }
  }
}

/** How often the proofs of an agent are looked up: twice as often as it may call, because not all that is sent with one counts as a call. */
export function ratesOfProofs(
  limits: Pick<Limits, 'agentCallsPerSecond' | 'serverCallsPerSecond'>,
  agent: RateOf,
): RateLimits {
  const own = (id: string): number | null => {
    const rate = agent(id)
    return typeof rate === 'number' ? 2 * rate : null
  }
  return new RateLimits({ ...limits, agentCallsPerSecond: 2 * limits.agentCallsPerSecond }, { agent: own })
}
