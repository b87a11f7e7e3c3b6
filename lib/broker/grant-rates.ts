import type { Db } from '#lib/db/client.ts'
import type { Allowed } from '#lib/guardrails/rules/decide.ts'
import type { GrantFacts } from '#lib/guardrails/rules/facts.ts'
import { grantUsedUp } from '#lib/guardrails/rules/grant-rate.ts'
import type { Denial } from '#lib/guardrails/schema.ts'
import type { Log } from '#lib/log/log.ts'
import type { CallRate } from '#lib/registry/schema/conditions.ts'

const sweepMs = 60_000

/**
 * How often each grant was used, at all brokers together: one short statement for a call under a grant that has a rate, nothing for any other. What is used up
 * is remembered here until a call may go again, so that an agent that insists costs nothing. When it cannot be counted, the call does not go.
 */
export class GrantRates {
  readonly #options: { db: Pick<Db, '$queryRaw'>; log: Log; waitMs: number }
  /** By grant and rate; when a call may go again, by a monotonic clock. */
  readonly #usedUp = new Map<string, number>()
  #sweptAt = performance.now()

  constructor(options: { db: Pick<Db, '$queryRaw'>; log: Log; waitMs: number }) {
    this.#options = options
  }

  /** Counts a call under the first grant that has one left; what refuses it when none has, or null. */
  async take({ grant, grants }: Pick<Allowed, 'grant' | 'grants'>): Promise<Denial | null> {
    if (!grant.rate) return null
    let waitMs = Number.POSITIVE_INFINITY
    for (const each of grants) {
      const wait = await this.#takeOf(each, each.rate!)
      if (wait === 'unknown') return notCounted
      if (wait === null) return null
      waitMs = Math.min(waitMs, wait)
    }
    return grantUsedUp(grant, Math.ceil(waitMs))
  }

  async #takeOf({ id }: GrantFacts, rate: CallRate): Promise<number | null | 'unknown'> {
    this.#sweep()
    const name = `${id} ${rate.calls} ${rate.per}`
    const left = (this.#usedUp.get(name) ?? 0) - performance.now()
    if (left > 0) return left
    const wait = await this.#ask(id, rate)
    if (typeof wait === 'number') this.#usedUp.set(name, performance.now() + wait)
    return wait
  }

  async #ask(id: string, { calls, per }: CallRate): Promise<number | null | 'unknown'> {
    const { db, log, waitMs } = this.#options
    let timer: NodeJS.Timeout | undefined
    const tooLate = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error('the database did not answer in time')), waitMs)
    })
    try {
      const asked = db.$queryRaw<{ wait: number | null }[]>`
        select grant_use_take(${id}::uuid, ${calls}::integer, ${per}) as "wait"`
      const [row] = await Promise.race([asked, tooLate])
      return row!.wait
    } catch (error) {
      log.warn({ err: error, grantId: id }, 'a call could not be counted under its grant')
      return 'unknown'
    } finally {
      clearTimeout(timer)
    }
  }

  #sweep(): void {
    const now = performance.now()
    if (now - this.#sweptAt < sweepMs) return
    this.#sweptAt = now
    for (const [name, until] of this.#usedUp) if (until <= now) this.#usedUp.delete(name)
  }
}

const notCounted: Denial = {
  rule: 'rate_unavailable',
  message: 'The platform could not count the call under its grant, so it did not go. Send it again in a moment.',
}
