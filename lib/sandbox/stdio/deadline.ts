import { StdioFailure } from './messages.ts'

/** Ends a request that takes too long. Call `end` when it is over. */
export class Deadline {
  #ms: number
  readonly #startedAt = performance.now()
  #timer: NodeJS.Timeout | undefined
  #cancel: ((failure: Error) => void) | null = null
  /** What it is ended with, once it was. */
  late: StdioFailure | null = null

  constructor(ms: number) {
    this.#ms = ms
  }

  begin(cancel: (failure: Error) => void): void {
    this.#cancel = cancel
    this.#start()
  }

  /** It may take so long since it came, or longer if it might already. */
  extend(ms: number): void {
    if (ms <= this.#ms || this.late) return
    this.#ms = ms
    this.#start()
  }

  end(): void {
    clearTimeout(this.#timer)
    this.#cancel = null
  }

  #start(): void {
    clearTimeout(this.#timer)
    const cancel = this.#cancel
    if (!cancel) return
    const left = this.#ms - (performance.now() - this.#startedAt)
    this.#timer = setTimeout(
      () => {
        this.late = new StdioFailure('process_deadline', `it did not answer within ${this.#ms} ms`)
        cancel(this.late)
      },
      Math.max(0, left),
    )
  }
}
