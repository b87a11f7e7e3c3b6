import type { DpopProof } from '#lib/auth/rules/dpop.ts'
import type { Log } from '#lib/log/log.ts'

const rememberedMax = 200_000

/**
 * Proofs of possession that were seen, so that none counts twice (RFC 9449 §11.1): first in the memory of this broker, then for all of them in the database. When
 * more come than can be remembered, or the database does not say, none is taken: nothing is allowed because something is full or away.
 */
export class SeenProofs {
  readonly #options: { claim: (proof: DpopProof) => Promise<boolean>; log: Log }
  /** By key and id; when it may be forgotten, in milliseconds since 1970. Kept about in the order of their end. */
  readonly #until = new Map<string, number>()

  constructor(options: { claim: (proof: DpopProof) => Promise<boolean>; log: Log }) {
    this.#options = options
  }

  /** `new` for the first time a proof is shown, at whichever broker; `unread` when nobody can say. */
  async take(proof: DpopProof, now: Date): Promise<'new' | 'replayed' | 'unread'> {
    this.#forget(now.getTime())
    const name = `${proof.jkt} ${proof.jti}`
    if (this.#until.has(name)) return 'replayed'
    if (this.#until.size >= rememberedMax) return 'unread'
    this.#until.set(name, proof.until.getTime())
    try {
      return (await this.#options.claim(proof)) ? 'new' : 'replayed'
    } catch (error) {
      this.#options.log.warn({ err: error }, 'whether a proof was used before cannot be read: it does not count')
      return 'unread'
    }
  }

  #forget(now: number): void {
    for (const [name, until] of this.#until) {
      if (until > now) return
      this.#until.delete(name)
    }
  }
}
