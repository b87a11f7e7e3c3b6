import { setTimeout as sleep } from 'node:timers/promises'
import type { KillReport, SandboxDriver } from '../driver.ts'
import { ClientSessions } from './client-sessions.ts'
import type { StdioLimits } from './limits.ts'
import { type Message, StdioFailure } from './messages.ts'
import { isAlive, type Opening } from './opening.ts'
import { Program, type ProgramSpec } from './program.ts'
import { Restarts } from './restarts.ts'
import type { SpoolSpace } from './spool.ts'

export type ProcessState = 'stopped' | 'starting' | 'running' | 'backing_off' | 'crash_loop'

/** A server that can be used now. */
export type Usable = { program: Program; opening: Opening; sessions: ClientSessions }

export type ProcessFacts = {
  state: ProcessState
  restarts: number
  lastError: string | null
  stderr: string[]
  startedAt: Date | null
}

type Options = {
  driver: SandboxDriver
  spec: ProgramSpec
  limits: StdioLimits
  spools: SpoolSpace
  /** One agent alone calls it. */
  isOneAgents: boolean
  onState: (facts: ProcessFacts) => void
  onStarted: (ms: number) => void
  onEnded: (reason: 'failed' | 'idle' | 'ended', report: KillReport) => void
}

const nothing: KillReport = { id: '', processes: 0, survivors: [], ms: 0 }

/**
 * One server for one trust boundary: started by the first request, restarted with growing pauses when it fails, ended when nobody uses it,
 * and never again after `end`.
 */
export class HostedProcess {
  readonly spec: ProgramSpec
  readonly #options: Options
  readonly #restarts: Restarts
  #state: ProcessState = 'stopped'
  #starting: Promise<Usable> | null = null
  #program: Program | null = null
  #usable: Usable | null = null
  #era: Opening['era'] | null = null
  #lastError: string | null = null
  #stderr: string[] = []
  #startedAt: Date | null = null
  #usedAt = performance.now()
  #using = 0
  #restartTimer: NodeJS.Timeout | undefined
  #idleTimer: NodeJS.Timeout | undefined
  #ended: Promise<KillReport> | null = null
  #isStopping = false

  constructor(options: Options) {
    this.#options = options
    this.spec = options.spec
    this.#restarts = new Restarts(options.limits)
  }

  get facts(): ProcessFacts {
    return {
      state: this.#state,
      restarts: this.#restarts.total,
      lastError: this.#lastError,
      stderr: this.#program ? this.#program.stderr.lines() : this.#stderr,
      startedAt: this.#startedAt,
    }
  }

  get isEnded(): boolean {
    return this.#ended !== null
  }

  /** Requests and streams that use it now. */
  get using(): number {
    return this.#using
  }

  async memoryBytes(): Promise<number | null> {
    return this.#state === 'running' ? ((await this.#program?.memoryBytes()) ?? null) : null
  }

  /** Rejects with `StdioFailure` when it cannot be used now. */
  async use(): Promise<Usable> {
    this.#usedAt = performance.now()
    if (this.#ended) throw new StdioFailure('process_unavailable', 'its process has been ended')
    if (this.#program?.isEnding) {
      // What it left is gone first; then it counts as ended, and this starts or awaits the next one.
      await this.#program.ended
      return await this.use()
    }
    if (this.#usable) return this.#usable
    if (this.#starting) return await this.#starting
    const waitMs = this.#restarts.waitMs(performance.now())
    if (waitMs > this.#options.limits.patienceMs || (waitMs > 0 && this.#restarts.loops)) {
      throw new StdioFailure('process_unavailable', `its process fails again and again (${this.#lastError})`, waitMs)
    }
    if (waitMs === 0) return await this.#begin()
    await sleep(waitMs)
    return await this.use()
  }

  /** For the time of a request or a stream. */
  enter(): () => void {
    this.#using += 1
    let left = false
    return () => {
      if (left) return
      left = true
      this.#using -= 1
      this.#usedAt = performance.now()
    }
  }

  /** After a request that was not answered: a process that answers nothing at all is ended, and started again. */
  async suspect({ program, opening }: Usable): Promise<void> {
    if (await isAlive(program.multiplexer, opening, this.#options.limits.pingMs)) return
    await program.kill('it does not answer any more')
  }

  /** For good. `graceful` lets it end by itself first; otherwise it is killed at once. */
  end(options: { graceful: boolean; why: string }): Promise<KillReport> {
    this.#ended ??= this.#endOnce(options)
    if (!options.graceful) void this.#program?.kill(options.why)
    return this.#ended
  }

  async #endOnce({ graceful, why }: { graceful: boolean; why: string }): Promise<KillReport> {
    clearTimeout(this.#restartTimer)
    clearInterval(this.#idleTimer)
    if (graceful) await this.#untilUnused()
    const report = await this.#stop(graceful, why)
    this.#setState('stopped')
    return report
  }

  async #stop(graceful: boolean, why: string): Promise<KillReport> {
    const program = this.#program
    if (!program) return nothing
    this.#isStopping = true
    const report = graceful ? await program.stop(why) : await program.kill(why)
    await program.ended
    return report
  }

  async #untilUnused(): Promise<void> {
    const until = performance.now() + this.#options.limits.stopMs
    while (this.#using > 0 && performance.now() < until) await sleep(20)
  }

  #begin(): Promise<Usable> {
    if (this.#usable) return Promise.resolve(this.#usable)
    this.#starting ??= this.#start().finally(() => (this.#starting = null))
    return this.#starting
  }

  async #start(): Promise<Usable> {
    if (this.#ended) throw new StdioFailure('process_unavailable', 'its process has been ended')
    clearTimeout(this.#restartTimer)
    const { driver, spec, limits, spools, isOneAgents, onStarted } = this.#options
    const began = performance.now()
    const sessions = new ClientSessions()
    const onChange = (message: Message): void => sessions.broadcast(message)
    const program = new Program({ driver, spec, limits, spools, isOneAgents, onChange })
    this.#program = program
    this.#isStopping = false
    this.#setState('starting')
    void program.ended.then((why) => this.#onEnd(program, why))
    const opening = await program.start(this.#era)
    if (this.#program !== program) throw new StdioFailure('process_unavailable', this.#lastError ?? 'it ended')
    this.#era = opening.era
    this.#startedAt = new Date()
    this.#restarts.ready(performance.now())
    this.#usable = { program, opening, sessions }
    this.#setState('running')
    onStarted(performance.now() - began)
    clearInterval(this.#idleTimer)
    this.#idleTimer = setInterval(() => void this.#rest(), Math.max(50, limits.idleMs / 10)).unref()
    return this.#usable
  }

  async #rest(): Promise<void> {
    const isIdle = this.#using === 0 && performance.now() - this.#usedAt > this.#options.limits.idleMs
    if (!isIdle || this.#isStopping || !this.#usable) return
    clearInterval(this.#idleTimer)
    await this.#stop(true, 'nobody uses it')
  }

  #onEnd(program: Program, why: string): void {
    this.#usable?.sessions.close()
    this.#usable = null
    this.#stderr = program.stderr.lines()
    this.#program = null
    this.#startedAt = null
    clearInterval(this.#idleTimer)
    const { onEnded } = this.#options
    const reason = this.#ended ? 'ended' : this.#isStopping ? 'idle' : 'failed'
    void program.kill(why).then((report) => onEnded(reason, report))
    if (this.#ended) return
    if (this.#isStopping) {
      this.#restarts.stopped()
      return this.#setState('stopped')
    }
    // A server of the older revisions may end itself over a question it does not know: the next time it is not asked.
    if (program.opening === null) this.#era = this.#era === null ? 'legacy' : null
    this.#lastError = why
    this.#restarts.failed(performance.now())
    if (this.#restarts.loops) return this.#setState('crash_loop')
    this.#setState('backing_off')
    const waitMs = this.#restarts.waitMs(performance.now())
    this.#restartTimer = setTimeout(() => void this.#begin().catch(() => {}), waitMs).unref()
  }

  #setState(state: ProcessState): void {
    this.#state = state
    this.#options.onState(this.facts)
  }
}
