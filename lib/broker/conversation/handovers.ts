import type { Log } from '#lib/log/log.ts'
import { CallEnded } from '../in-flight.ts'
import { untilAborted } from '../until-aborted.ts'
import { handedFailure, hasEnded } from './handed-failure.ts'
import type { HandedOver, HandoverRows, Outcome } from './handover-rows.ts'
import type { SuspendedCall, SuspendedCalls } from './suspended-calls.ts'

const pollMs = 1000
/** The replica that has the call takes what is handed to it within a nudge, or a poll; one that has not by now is gone. */
const takenMs = 4000

type Waiter = {
  since: number
  resolve: (outcome: Outcome | null) => void
  progressed: () => void
  /** When the replica that has the call was last heard of it. */
  heardAt: number | null
}

/**
 * A call that waits at one replica for what its agent answers at another: the answers are handed over, and how the call goes on comes back.
 * One nobody has any more is known within seconds.
 */
export class Handovers {
  readonly #rows: HandoverRows
  readonly #suspended: SuspendedCalls
  readonly #log: Log
  readonly #ms: number
  /** Handed over by this replica. */
  readonly #waiting = new Map<string, Waiter>()
  /** Taken by this replica. */
  readonly #working = new Map<string, { controller: AbortController; call: SuspendedCall | null; told: number }>()
  #timer: NodeJS.Timeout | undefined
  #looking: Promise<void> | null = null
  #again = false

  constructor(options: { rows: HandoverRows; suspended: SuspendedCalls; log: Log; longestMs: number }) {
    this.#rows = options.rows
    this.#suspended = options.suspended
    this.#log = options.log
    this.#ms = options.longestMs
  }

  /**
   * Hands answers over, and resolves with how the call went on; null when no replica has it. The signal's end ends the call, too; `progressed` is called as long as its server says that
   * it is at work.
   */
  async send(
    { callId, ...rest }: Omit<HandedOver, 'id'>,
    { signal, progressed }: { signal: AbortSignal; progressed: () => void },
  ): Promise<Outcome | null> {
    const id = await untilAborted(this.#rows.open({ callId, ...rest, ms: this.#ms }), signal)
    const { promise, resolve } = Promise.withResolvers<Outcome | null>()
    this.#waiting.set(id, { since: performance.now(), resolve, progressed, heardAt: null })
    this.watch()
    try {
      const outcome = await untilAborted(promise, signal)
      this.#quietly(this.#rows.close(id))
      return outcome
    } catch (error) {
      this.#quietly(this.#rows.cancel(id, callId))
      throw error
    } finally {
      this.#waiting.delete(id)
    }
  }

  /** Looks every second for as long as there is something to look for: whatever nudge is missed. */
  watch(): void {
    this.#timer ??= setInterval(() => {
      if (this.#waiting.size + this.#working.size + this.#suspended.size > 0) return void this.look()
      this.stop()
    }, pollMs)
  }

  stop(): void {
    clearInterval(this.#timer)
    this.#timer = undefined
  }

  /** Something was handed over for a call, or has come back; without an id, maybe. */
  nudge(kind: string, id: string): void {
    const isHere = kind === 'call' ? this.#suspended.has(id) : this.#waiting.has(id)
    if (id === '' || isHere) void this.look()
  }

  /** Looks once for all, never twice at the same time. */
  async look(): Promise<void> {
    if (this.#looking) {
      this.#again = true
      return await this.#looking
    }
    this.#looking = this.#lookOnce()
      .catch((error: unknown) => this.#log.warn({ err: error }, 'what replicas hand to each other could not be read'))
      .finally(() => (this.#looking = null))
    await this.#looking
    if (!this.#again) return
    this.#again = false
    await this.look()
  }

  async #lookOnce(): Promise<void> {
    if (this.#suspended.size > 0) {
      for (const handed of await this.#rows.take(this.#suspended.ids())) void this.#carryOn(handed)
    }
    if (this.#working.size > 0) {
      for (const id of await this.#rows.cancelled([...this.#working.keys()])) {
        this.#working.get(id)?.controller.abort(new CallEnded(null))
      }
      await this.#tellProgress()
    }
    if (this.#waiting.size === 0) return
    for (const { id, takenAt, outcome } of await this.#rows.states([...this.#waiting.keys()])) {
      const waiter = this.#waiting.get(id)
      if (!waiter) continue
      if (outcome) waiter.resolve(outcome)
      if (waiter.heardAt !== null && takenAt !== waiter.heardAt) waiter.progressed()
      waiter.heardAt = takenAt
      const isLate = takenAt === null && performance.now() - waiter.since > takenMs
      if (isLate && (await this.#rows.withdraw(id))) waiter.resolve(null)
    }
  }

  /** Of those whose server was at work since this was said last. */
  async #tellProgress(): Promise<void> {
    const ids: string[] = []
    for (const [id, working] of this.#working) {
      if (!working.call || working.call.progress === working.told) continue
      working.told = working.call.progress
      ids.push(id)
    }
    if (ids.length > 0) await this.#rows.progressed(ids)
  }

  /** At the replica that has the call. */
  async #carryOn({ id, callId, agentId, answers }: HandedOver): Promise<void> {
    const controller = new AbortController()
    const suspended = this.#suspended.find(callId, agentId)
    this.#working.set(id, { controller, call: suspended, told: suspended?.progress ?? 0 })
    try {
      // What is told from now on has no exchange to go to.
      const came = suspended ? await suspended.goOn(answers, controller.signal) : null
      const reply = came && (await suspended!.whole(came))
      const asks = suspended ? [...suspended.asks].map(([key, { ask }]) => [key, ask] as [string, typeof ask]) : []
      await this.#rows.finish(id, reply ? { reply } : suspended ? { asks } : { failure: hasEnded })
    } catch (error) {
      const outcome: Outcome = error instanceof CallEnded ? { ended: error.denial } : { failure: handedFailure(error) }
      if ('failure' in outcome && !outcome.failure) {
        this.#log.error({ err: error }, 'a call whose answers were handed over failed in the broker')
      }
      this.#quietly(this.#rows.finish(id, outcome))
    } finally {
      this.#working.delete(id)
    }
  }

  #quietly(work: Promise<void>): void {
    work.catch((error: unknown) => this.#log.warn({ err: error }, 'what was handed over could not be ended'))
  }
}
