import type { StdioLimits } from './limits.ts'

type RestartLimits = Pick<StdioLimits, 'backoffMs' | 'backoffMsMax' | 'crashLoopFailures' | 'stableMs'>

/** When a process that failed may be started again. The clock is an argument: milliseconds of any steady clock. */
export class Restarts {
  readonly #limits: RestartLimits
  #failures = 0
  #total = 0
  #readyAt: number | null = null
  #notBefore = 0

  constructor(limits: RestartLimits) {
    this.#limits = limits
  }

  /** Failures in a row. */
  get failures(): number {
    return this.#failures
  }

  /** Failures since the service knows this process. */
  get total(): number {
    return this.#total
  }

  /** It fails again and again: only a request starts it, when its time has come. */
  get loops(): boolean {
    return this.#failures >= this.#limits.crashLoopFailures
  }

  waitMs(now: number): number {
    return Math.max(0, this.#notBefore - now)
  }

  ready(now: number): void {
    this.#readyAt = now
  }

  /** It has run long enough: what was before counts no more. */
  settle(now: number): void {
    if (this.#readyAt !== null && now - this.#readyAt >= this.#limits.stableMs) this.#failures = 0
  }

  failed(now: number): void {
    this.settle(now)
    this.#readyAt = null
    this.#failures += 1
    this.#total += 1
    const { backoffMs, backoffMsMax } = this.#limits
    this.#notBefore = now + Math.min(backoffMs * 2 ** Math.min(this.#failures - 1, 30), backoffMsMax)
  }

  /** It was ended on purpose. */
  stopped(): void {
    this.#readyAt = null
  }
}
