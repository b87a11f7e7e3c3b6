import type { ServerResponse } from 'node:http'
import type { Limits } from '../limits.ts'
import type { BodyRefusal } from './request-bodies.ts'

type UnreadLimits = Pick<Limits, 'agentUnreadBytesMax' | 'unreadBytesMax' | 'answerReadMs'>

/**
 * Answers that were given and are not read: they stay in memory until they are, though their calls are over. Whoever leaves too much of them may ask nothing more until it has read, and the connection
 * of an answer that is not read in time is closed. What fits into the buffers of a connection is not counted.
 */
export class UnreadAnswers {
  readonly #limits: UnreadLimits
  readonly #scope: 'agent' | 'address'
  readonly #held = new Map<string, number>()
  #bytes = 0

  /** @param scope whose answers are counted together */
  constructor(limits: UnreadLimits, scope: 'agent' | 'address' = 'agent') {
    this.#limits = limits
    this.#scope = scope
  }

  /** Why an agent may ask nothing now, or an address; null when it may, which mostly costs one look. */
  refusalOf(id: string): BodyRefusal | null {
    if (this.#bytes === 0) return null
    const { agentUnreadBytesMax, unreadBytesMax } = this.#limits
    const held = this.#held.get(id) ?? 0
    if (held > agentUnreadBytesMax) {
      const message = `The ${this.#scope} ${id} has not read ${held} bytes of what it was answered by this broker, and may leave ${agentUnreadBytesMax}. Try again when it has.`
      const facts = { scope: this.#scope, used: held, limit: agentUnreadBytesMax, unit: 'bytes' }
      return { status: 429, denial: { rule: 'calls_at_once', message, facts } }
    }
    if (this.#bytes > unreadBytesMax) {
      const message = `Answers of ${this.#bytes} bytes wait at this broker to be read, of the ${unreadBytesMax} that may. Try again soon.`
      const facts = { scope: 'broker', used: this.#bytes, limit: unreadBytesMax, unit: 'bytes' }
      return { status: 503, denial: { rule: 'calls_at_once', message, facts } }
    }
    return null
  }

  /** Counts what of an answer has not left, until it has. */
  hold(id: string, response: ServerResponse): void {
    const bytes = response.writableLength
    if (bytes === 0 || response.destroyed) return
    this.#add(id, bytes)
    const timer = setTimeout(() => response.destroy(), this.#limits.answerReadMs)
    response.once('close', () => {
      clearTimeout(timer)
      this.#add(id, -bytes)
    })
  }

  #add(id: string, bytes: number): void {
    const held = (this.#held.get(id) ?? 0) + bytes
    if (held > 0) this.#held.set(id, held)
    else this.#held.delete(id)
    this.#bytes += bytes
  }
}
