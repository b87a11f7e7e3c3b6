import { setTimeout as sleep } from 'node:timers/promises'
import { DomainError } from '#lib/core/errors.ts'
import type { Db } from '#lib/db/client.ts'
import { stopRule } from '#lib/killswitch/rules.ts'
import type { Log } from '#lib/log/log.ts'
import type { KillReport, Probe, SandboxDriver, SandboxFile } from './driver.ts'
import type { SandboxMetrics } from './metrics.ts'
import { profileOf, type RunFacts, toLimits, toToolLimits } from './run-facts.ts'
import { type Admission, SessionSandbox } from './session-sandbox.ts'
import { type OpenOrder, stopFor, type StopView, type StopWatch } from './stop-watch.ts'
import { unheldLimits } from './unheld-limits.ts'

/** The conversation is broken off when the processes are gone, or after this at the latest. */
const abortMsMax = 250

export type Served = { readonly sessionId: string; readonly signal: AbortSignal; readonly sandbox: SessionSandbox }

export type EndReason = { kind: 'finished' | 'shutdown' | 'closed' } | { kind: 'stopped'; order: OpenOrder }
export type EndedSession = { sessionId: string; report: KillReport }

type Options = {
  db: Db
  driver: SandboxDriver
  probe: Probe
  strict: boolean
  watch: Pick<StopWatch, 'fresh' | 'read'>
  metrics: SandboxMetrics
  log: Log
  /** How long a session's run may be unknown: the harness writes it down right after making the session, a worker may be faster. */
  unknownRunMsMax: number
}

type Entry = {
  abort: AbortController
  sandbox: SessionSandbox
  run: RunFacts | null
  end: Promise<KillReport> | null
  done: PromiseWithResolvers<void>
}

/** The sessions being served: who may have a sandbox, and how all that a stop order covers is ended at once. */
export class Sessions {
  readonly #options: Options
  readonly #entries = new Map<string, Entry>()
  /** By order: what has been ended for it since it was given. */
  readonly #stopped = new Map<string, Promise<EndedSession>[]>()

  constructor(options: Options) {
    this.#options = options
  }

  get ids(): string[] {
    return [...this.#entries.keys()]
  }

  /** Serves one session at a time per id; whatever the work does, its sandbox is gone when this resolves. */
  async serve(
    sessionId: string,
    options: { files: () => Promise<readonly SandboxFile[]>; work: (session: Served) => Promise<void> },
  ): Promise<void> {
    // After a lost lease the same session may come again while the old serving is still ending.
    await this.#entries.get(sessionId)?.done.promise
    const sandbox = new SessionSandbox({
      driver: this.#options.driver,
      sessionId,
      admit: async () => await this.#admit(sessionId),
      files: options.files,
      onCreated: (startMs) => this.#options.metrics.started(startMs),
    })
    const abort = new AbortController()
    const entry: Entry = { abort, sandbox, run: null, end: null, done: Promise.withResolvers() }
    this.#entries.set(sessionId, entry)
    try {
      await this.#options.watch.read()
      await options.work({ sessionId, signal: abort.signal, sandbox })
    } finally {
      await this.#end(sessionId, entry, { kind: 'finished' })
      this.#entries.delete(sessionId)
      entry.done.resolve()
    }
  }

  /** Ends what the view says must end; resolves when it is over, with what was ever ended for each order in force. */
  async enforce(view: StopView): Promise<Map<string, EndedSession[]>> {
    for (const id of this.#stopped.keys()) if (!view.orders.some((order) => order.id === id)) this.#stopped.delete(id)
    for (const [sessionId, entry] of this.#entries) {
      entry.run = view.runs.get(sessionId) ?? entry.run
      if (entry.end) continue
      const order = coveringOrder(view, entry.run)
      if (order) {
        const ended = this.#end(sessionId, entry, { kind: 'stopped', order }).then((report) => ({ sessionId, report }))
        this.#stopped.set(order.id, [...(this.#stopped.get(order.id) ?? []), ended])
      } else if (entry.run && !entry.run.isOpen) void this.#end(sessionId, entry, { kind: 'closed' })
    }
    const outcomes = view.orders.map(async ({ id }) => [id, await Promise.all(this.#stopped.get(id) ?? [])] as const)
    return new Map(await Promise.all(outcomes))
  }

  /** Ends all of them, for a shutdown that no longer waits. */
  async endAll(): Promise<void> {
    const ends = [...this.#entries].map(([id, entry]) => this.#end(id, entry, { kind: 'shutdown' }))
    await Promise.all(ends)
    await Promise.all([...this.#entries.values()].map(({ done }) => done.promise))
  }

  /** Limits for a session that may have a sandbox now; else throws the reason, in words for the agent. Anything unknown is a no. */
  async #admit(sessionId: string): Promise<Admission> {
    const { db, probe, strict, metrics } = this.#options
    try {
      const run = await this.#openRun(sessionId)
      const profile = await profileOf(db, run.runId)
      const unheld = strict ? unheldLimits(probe.enforces) : []
      if (unheld.length) throw refuse('limits_unheld', `This host cannot hold the limits: ${unheld.join(', ')}.`)
      return { limits: toLimits(profile), tools: toToolLimits(profile) }
    } catch (error) {
      metrics.refused(ruleOf(error))
      throw error
    }
  }

  async #openRun(sessionId: string): Promise<RunFacts> {
    const { watch, unknownRunMsMax } = this.#options
    const until = performance.now() + unknownRunMsMax
    while (true) {
      const view = watch.fresh()
      if (!view)
        throw refuse('stale_view', 'The sandbox service does not know the stop orders just now. Try again later.')
      const run = view.runs.get(sessionId)
      const order = coveringOrder(view, run ?? null)
      if (order) throw refuse(stopRule(order), 'This agent is stopped.')
      if (run?.closedBecause) throw refuse('run_closed', run.closedBecause)
      if (run) return run
      if (performance.now() > until) throw refuse('unknown_run', 'This session belongs to no registered run.')
      await sleep(100)
      await watch.read()
    }
  }

  /** The processes first, then the conversation about them: a stop is a matter of milliseconds, a request to Claude is not. */
  async #end(sessionId: string, entry: Entry, reason: EndReason): Promise<KillReport> {
    entry.end ??= this.#endOnce(sessionId, entry, reason)
    return await entry.end
  }

  async #endOnce(sessionId: string, entry: Entry, reason: EndReason): Promise<KillReport> {
    const { log, metrics } = this.#options
    const ending = entry.sandbox.end()
    if (reason.kind !== 'finished') {
      await Promise.race([ending, sleep(abortMsMax, null, { ref: false })])
      entry.abort.abort(new Error(reason.kind))
    }
    const report = await ending
    if (!report.id) return report
    metrics.ended(reason.kind, report)
    const facts = { sessionId, runId: entry.run?.runId, reason: reason.kind, ...report }
    if (report.survivors.length) log.error(facts, 'processes of a sandbox are still there')
    else log.info(facts, 'sandbox ended')
    return report
  }
}

/** A session whose run is unknown is covered by an order for the whole organization only; it has no sandbox anyway. */
function coveringOrder(view: StopView, run: RunFacts | null): OpenOrder | undefined {
  return stopFor(view.orders, run ?? { agentId: '', teamId: '' })
}

function ruleOf(error: unknown): string {
  if (!(error instanceof DomainError)) return 'error'
  const { rule } = error.details
  return typeof rule === 'string' ? rule : error.code
}

function refuse(rule: string, message: string): DomainError {
  return new DomainError('unavailable', message, { rule })
}
