import type { BindingLimit } from '#lib/guardrails/rules/own-limits.ts'
import type { Denial } from '#lib/guardrails/schema.ts'
import { CallEnded, type Running } from '../in-flight.ts'
import { unanswered } from './refusal.ts'

/** How long a call still has: for the agent's answers while it is asked something, as long as at first from then on, and with all progress. */
export class AnswerTime {
  readonly #running: Running
  /** The longest it may take in all, whatever is asked and however it goes on. */
  readonly #askMs: number
  #deadline: BindingLimit
  #late: CallEnded | undefined
  #open = 0

  constructor(running: Running, { askMs, deadline }: { askMs: number; deadline: BindingLimit }) {
    this.#running = running
    this.#askMs = askMs
    this.#deadline = deadline
  }

  asked(method: string): void {
    this.#open += 1
    const given = { limit: this.#askMs, limitOf: 'platform' } as const
    this.#running.extend(given, { longestMs: this.#askMs, late: new CallEnded(unanswered(method, this.#askMs)) })
  }

  /** Also when nobody waits for the answer any more. */
  answered(): void {
    this.#open -= 1
    this.progressed()
  }

  /** The server is at work; while the agent is asked, it is the agent that is waited for. */
  progressed(): void {
    if (this.#open > 0) return
    // Who reports progress never has less time than who does not.
    const longestMs = Math.max(this.#askMs, this.#deadline.limit)
    this.#running.extend(this.#deadline, { longestMs, ...(this.#late ? { late: this.#late } : {}) })
  }

  /** What it is for may be long in coming: it has all the time there is, and `late` says what did not come. */
  waitsLong(late: Denial): void {
    this.#deadline = { limit: this.#askMs, limitOf: 'platform' }
    this.#late = new CallEnded(late)
    this.progressed()
  }
}
