import type { BindingLimit } from '#lib/guardrails/rules/own-limits.ts'
import type { Running } from '../in-flight.ts'
import { unanswered } from './refusal.ts'

/** How long a call still has: for the agent's answers while it is asked something, as long as at first from then on. */
export class AnswerTime {
  readonly #running: Running
  readonly #askMs: number
  readonly #deadline: BindingLimit
  #open = 0

  constructor(running: Running, { askMs, deadline }: { askMs: number; deadline: BindingLimit }) {
    this.#running = running
    this.#askMs = askMs
    this.#deadline = deadline
  }

  asked(method: string): void {
    this.#open += 1
    const given = { limit: this.#askMs, limitOf: 'platform' } as const
    this.#running.extend(given, { longestMs: this.#askMs, late: unanswered(method, this.#askMs) })
  }

  /** Also when nobody waits for the answer any more. */
  answered(): void {
    this.#open -= 1
    this.progressed()
  }

  /** The server is at work; while the agent is asked, it is the agent that is waited for. */
  progressed(): void {
    if (this.#open === 0) this.#running.extend(this.#deadline, { longestMs: this.#askMs })
  }
}
