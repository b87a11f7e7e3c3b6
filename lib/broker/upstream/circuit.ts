import type { Limits } from '../limits.ts'

export type CircuitState = 'closed' | 'open' | 'half_open'
/** What broke, in words that are safe to show, and as one of few kinds. */
export type CircuitError = { kind: string; message: string }
export type CircuitReport = {
  state: 'closed' | 'open'
  failures: number
  lastError: CircuitError | null
  /** When the next probe is due; null while closed. */
  retryAt: Date | null
}

type CircuitOptions = {
  limits: Pick<Limits, 'circuitFailures' | 'circuitOpenMs' | 'circuitOpenMsMax'>
  now: () => Date
  /** Of a steady clock: one that is put back must not keep a server from being tried. */
  nowMs?: () => number
  /** What others were told last is that it is open: its first success is news to them. */
  isToldOpen?: boolean
  /** Called when it opens, opens again after a failed probe, and closes. */
  onChange: (report: CircuitReport) => void
}

/**
 * The health of one upstream as its answers tell it. After so many failures in a row it is open and nothing is sent; when its time is
 * over one request goes as a probe, and its end closes it or opens it for twice as long.
 */
export class Circuit {
  readonly #options: CircuitOptions
  #state: CircuitState = 'closed'
  #failures = 0
  #openMs = 0
  #retryAtMs = 0
  /** The request that is under way as the probe. */
  #probe: object | null = null
  #lastError: (CircuitError & { at: Date }) | null = null
  #isToldOpen: boolean

  constructor(options: CircuitOptions) {
    this.#options = options
    this.#isToldOpen = options.isToldOpen ?? false
  }

  get state(): CircuitState {
    return this.#state
  }

  get failures(): number {
    return this.#failures
  }

  get lastError(): (CircuitError & { at: Date }) | null {
    return this.#lastError
  }

  /** Milliseconds until something is worth it that is no probe, because it lasts. */
  get waitMs(): number {
    if (this.#state === 'closed') return 0
    const left = Math.ceil(this.#retryAtMs - this.#nowMs)
    if (left > 0) return left
    return this.#probe ? this.#options.limits.circuitOpenMs : 0
  }

  /** Milliseconds until a request is worth it; 0 when one may go now. Who gets 0 must end with `succeeded`, `failed` or `released`, as the same request. */
  admit(request: object): number {
    const { waitMs } = this
    if (waitMs > 0 || this.#state === 'closed') return waitMs
    this.#state = 'half_open'
    this.#probe = request
    return 0
  }

  succeeded(): void {
    this.#state = 'closed'
    this.#failures = 0
    this.#openMs = 0
    this.#probe = null
    if (this.#isToldOpen) this.#report()
  }

  /** A request that may last is heard of before its end: a probe has learned then what it is for. */
  answered(): void {
    if (this.#state === 'half_open') this.succeeded()
  }

  failed(error: CircuitError, request: object): void {
    const { limits, now } = this.#options
    this.#failures += 1
    this.#lastError = { ...error, at: now() }
    // Of requests that were under way when it opened: they say nothing new.
    if (this.#state === 'open' || (this.#state === 'half_open' && this.#probe !== request)) return
    if (this.#state === 'closed' && this.#failures < limits.circuitFailures) return
    this.#openMs = Math.min(this.#openMs === 0 ? limits.circuitOpenMs : 2 * this.#openMs, limits.circuitOpenMsMax)
    this.#retryAtMs = this.#nowMs + this.#openMs
    this.#state = 'open'
    this.#probe = null
    this.#report()
  }

  /** The request ended without telling anything of the upstream. */
  released(request: object): void {
    if (this.#probe === request) this.#probe = null
  }

  get #nowMs(): number {
    return this.#options.nowMs?.() ?? performance.now()
  }

  #report(): void {
    const { lastError } = this
    const { now, onChange } = this.#options
    this.#isToldOpen = this.#state !== 'closed'
    onChange({
      state: this.#state === 'closed' ? 'closed' : 'open',
      failures: this.#failures,
      lastError: lastError && { kind: lastError.kind, message: lastError.message },
      retryAt: this.#state === 'closed' ? null : new Date(now().getTime() + this.#openMs),
    })
  }
}
