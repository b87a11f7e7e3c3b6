import type { Denial } from '#lib/guardrails/schema.ts'
import type { Limits } from '../limits.ts'

type BodyLimits = Pick<Limits, 'agentRequestBytesMax' | 'requestsBytesMax'>
/** Why a body is not read on, and whose fault that is: its agent's, or everybody's. */
export type BodyRefusal = { status: 429 | 503; denial: Denial }

/**
 * How much of requests is in memory that did not come at once, of each agent and in all: while their bodies arrive, and on until they are answered. What came with its head is
 * small, and not counted.
 */
export class RequestBodies {
  readonly #limits: BodyLimits
  readonly #agents = new Map<string, number>()
  #bytes = 0

  constructor(limits: BodyLimits) {
    this.#limits = limits
  }

  /** Of all. */
  get bytes(): number {
    return this.#bytes
  }

  /** Counts so much more, or says why it may not be. */
  hold(agentId: string, bytes: number): BodyRefusal | null {
    const { agentRequestBytesMax, requestsBytesMax } = this.#limits
    const held = this.#agents.get(agentId) ?? 0
    if (held + bytes > agentRequestBytesMax) {
      const message = `The agent ${agentId} has ${held} bytes of requests under way at this broker, of the ${agentRequestBytesMax} that may be. Try again when some are answered.`
      const facts = { scope: 'agent', used: held, limit: agentRequestBytesMax }
      return { status: 429, denial: { rule: 'calls_at_once', message, facts } }
    }
    if (this.#bytes + bytes > requestsBytesMax) {
      const message = `Requests of ${this.#bytes} bytes are under way at this broker, of the ${requestsBytesMax} that may be. Try again soon.`
      const facts = { scope: 'broker', used: this.#bytes, limit: requestsBytesMax }
      return { status: 503, denial: { rule: 'calls_at_once', message, facts } }
    }
    this.#agents.set(agentId, held + bytes)
    this.#bytes += bytes
    return null
  }

  letGo(agentId: string, bytes: number): void {
    const left = (this.#agents.get(agentId) ?? 0) - bytes
    if (left > 0) this.#agents.set(agentId, left)
    else this.#agents.delete(agentId)
    this.#bytes -= bytes
  }
}
