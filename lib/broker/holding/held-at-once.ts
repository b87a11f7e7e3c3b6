import type { WaitingFull } from '#lib/guardrails/commands.ts'
import type { Denial } from '#lib/guardrails/schema.ts'
import type { Limits } from '../limits.ts'

type WaitingLimits = Pick<Limits, 'agentWaitingMax' | 'agentWaitingBytesMax' | 'waitingBytesMax'>
type Waiting = { calls: number; bytes: number }

/**
 * How many calls of each agent wait at this broker for a person, and what they hold in memory. Of one call that is sent again and again each waits for itself: the rows, which are
 * counted at all brokers together, know it once.
 */
export class HeldAtOnce {
  readonly #limits: WaitingLimits
  readonly #agents = new Map<string, Waiting>()
  readonly #lastTurns = new Map<string, Promise<unknown>>()
  #bytes = 0

  constructor(limits: WaitingLimits) {
    this.#limits = limits
  }

  /** What the rows of an agent may be together. */
  get ofRows(): { callsMax: number; bytesMax: number } {
    return { callsMax: this.#limits.agentWaitingMax, bytesMax: this.#limits.agentWaitingBytesMax }
  }

  /** Counts one more, or says why it may not wait. */
  begin(agentId: string, bytes: number): Denial | null {
    const { agentWaitingMax, agentWaitingBytesMax, waitingBytesMax } = this.#limits
    const waiting = this.#agents.get(agentId) ?? { calls: 0, bytes: 0 }
    if (waiting.calls >= agentWaitingMax) return this.full(agentId, { of: 'calls', used: waiting.calls })
    if (waiting.bytes + bytes > agentWaitingBytesMax) return this.full(agentId, { of: 'bytes', used: waiting.bytes })
    if (this.#bytes + bytes > waitingBytesMax) {
      const used = this.#bytes
      const message = `Calls that wait for people hold ${used} of the ${waitingBytesMax} bytes they may hold at this broker; this one has ${bytes}. Try again when some are decided.`
      return { rule: 'calls_at_once', message, facts: { scope: 'broker', used, limit: waitingBytesMax, unit: 'bytes' } }
    }
    this.#agents.set(agentId, { calls: waiting.calls + 1, bytes: waiting.bytes + bytes })
    this.#bytes += bytes
    return null
  }

  /** One after the other of each agent: what waits here takes no connection to the database, where a burst of one agent would keep those of all. */
  async inTurn<T>(agentId: string, work: () => Promise<T>): Promise<T> {
    const turn = (this.#lastTurns.get(agentId) ?? Promise.resolve()).then(work)
    const over = turn.catch(() => {})
    this.#lastTurns.set(agentId, over)
    try {
      return await turn
    } finally {
      if (this.#lastTurns.get(agentId) === over) this.#lastTurns.delete(agentId)
    }
  }

  end(agentId: string, bytes: number): void {
    const { calls, bytes: held } = this.#agents.get(agentId)!
    if (calls === 1) this.#agents.delete(agentId)
    else this.#agents.set(agentId, { calls: calls - 1, bytes: held - bytes })
    this.#bytes -= bytes
  }

  full(agentId: string, { of, used }: WaitingFull): Denial {
    const { callsMax, bytesMax } = this.ofRows
    const limit = of === 'calls' ? callsMax : bytesMax
    const message =
      of === 'calls'
        ? `The agent ${agentId} has ${used} calls that wait for people, and ${limit} may wait. Try again when some are decided.`
        : `The calls of the agent ${agentId} that wait for people have ${used} bytes, and may have ${limit} together with this one. Try again when some are decided.`
    return { rule: 'calls_at_once', message, facts: { scope: 'agent', used, limit, unit: of } }
  }
}
