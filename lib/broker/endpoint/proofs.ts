import type { DpopProof } from '#lib/auth/rules/dpop.ts'

const rememberedMax = 200_000

/**
 * Proofs of possession this broker has seen, so that none counts twice here (RFC 9449 §11.1). In memory: a proof is good for a minute,
 * and only for one method and address. When more come than it can remember, it takes none: nothing is allowed because something is full.
 */
export class SeenProofs {
  /** By key and id; when it may be forgotten, in milliseconds since 1970. Kept about in the order of their end. */
  readonly #until = new Map<string, number>()

  /** True for the first time a proof is shown. */
  take({ jkt, jti, until }: DpopProof, now: Date): boolean {
    this.#forget(now.getTime())
    const name = `${jkt} ${jti}`
    if (this.#until.has(name) || this.#until.size >= rememberedMax) return false
    this.#until.set(name, until.getTime())
    return true
  }

  #forget(now: number): void {
    for (const [name, until] of this.#until) {
      if (until > now) return
      this.#until.delete(name)
    }
  }
}
