import { Bag } from '#lib/core/bag.ts'
import { err } from '#lib/core/result.ts'
import { decide } from '#lib/guardrails/rules/decide.ts'
import { type BindingLimit, limitFacts, limitWords } from '#lib/guardrails/rules/own-limits.ts'
import type { PolicyView, StopFacts, ToolCall } from '#lib/guardrails/rules/facts.ts'
import { stopFor } from '#lib/guardrails/rules/stops.ts'
import type { Denial } from '#lib/guardrails/schema.ts'
import { CallsAtOnce } from './calls-at-once.ts'

/** Why a call was ended before its upstream answered; `denial` is null when the agent itself went away. */
export class CallEnded extends Error {
  override readonly name = 'CallEnded'
  readonly denial: Denial | null

  constructor(denial: Denial | null, message = denial?.message ?? 'The caller went away.') {
    super(message)
    this.denial = denial
  }
}

/** The server has had as long as it is given. */
export function lateDenial({ serverId }: Pick<ToolCall, 'serverId'>, { limit, limitOf }: BindingLimit): Denial {
  const message = `${serverId} did not answer within ${limit} ms${limitWords[limitOf]}.`
  const facts = limitFacts('callDeadlineSeconds', { limit: limit / 1000, limitOf })
  return { rule: 'upstream_deadline', message, facts }
}

/** A call that is being carried out: ended at its deadline, when its caller goes away, or by a rule. Call `end` when it is over. */
export class Running {
  readonly call: ToolCall
  readonly teamId: string
  readonly controller = new AbortController()
  /** It has left for its server: from then on it may be carried out. */
  sent = false
  readonly #calls: Bag<Running>
  readonly #place: ReturnType<Bag<Running>['add']>
  readonly #atOnce: CallsAtOnce
  #heldBytes = 0
  readonly #gone: AbortSignal
  readonly #startedAt = performance.now()
  #timer: NodeJS.Timeout
  #deadline: BindingLimit

  constructor(
    call: ToolCall,
    options: { teamId: string; deadline: BindingLimit; gone: AbortSignal; calls: Bag<Running>; atOnce: CallsAtOnce },
  ) {
    this.call = call
    this.teamId = options.teamId
    this.#calls = options.calls
    this.#atOnce = options.atOnce
    this.#gone = options.gone
    this.#deadline = options.deadline
    this.#timer = setTimeout(this.#late, options.deadline.limit)
    options.gone.addEventListener('abort', this.#leave, { once: true })
    if (options.gone.aborted) this.#leave()
    this.#place = this.#calls.add(this)
    this.#atOnce.begin(call)
  }

  get signal(): AbortSignal {
    return this.controller.signal
  }

  /** From now on it may take so long again, but never longer than `longestMs` in all. Whose deadline it is then, the denial says; `late`: why it ends then, when that is not the server. */
  extend(given: BindingLimit, { longestMs, late }: { longestMs: number; late?: CallEnded }): void {
    if (this.controller.signal.aborted || !this.#calls.has(this.#place)) return
    const rest = longestMs - (performance.now() - this.#startedAt)
    const left = Math.min(given.limit, rest)
    this.#deadline = rest < given.limit ? { limit: longestMs, limitOf: 'platform' } : given
    clearTimeout(this.#timer)
    this.#timer = setTimeout(late ? () => this.controller.abort(late) : this.#late, Math.max(left, 0))
  }

  end(): void {
    clearTimeout(this.#timer)
    this.#gone.removeEventListener('abort', this.#leave)
    if (!this.#calls.remove(this.#place)) return
    this.#atOnce.end(this.call)
    this.#atOnce.letGo(this.#heldBytes)
  }

  /** Whether so much more of its answer may be held in memory, until it is over. */
  hold(bytes: number, max: number): boolean {
    if (!this.#calls.has(this.#place) || !this.#atOnce.hold(bytes, max)) return false
    this.#heldBytes += bytes
    return true
  }

  readonly #late = (): void => {
    this.controller.abort(new CallEnded(lateDenial(this.call, this.#deadline)))
  }

  readonly #leave = (): void => this.controller.abort(new CallEnded(null))
}

/** The calls that are being carried out: each is decided again whenever the registry changes, and ended when it would now be refused. */
export class InFlight {
  readonly #calls = new Bag<Running>()
  readonly atOnce = new CallsAtOnce()

  get size(): number {
    return this.#calls.size
  }

  /** Begins a call that ends at its deadline, when the caller goes away, or when `recheck` says so. */
  begin(call: ToolCall, options: { teamId: string; deadline: BindingLimit; gone: AbortSignal }): Running {
    return new Running(call, { ...options, calls: this.#calls, atOnce: this.atOnce })
  }

  /** Ends every call that would be refused now; returns what it ended. */
  recheck(view: PolicyView, now: Date): Running[] {
    const ended: Running[] = []
    for (const entry of this.#calls.values()) {
      if (entry.controller.signal.aborted) continue
      const decision = decideAgain(entry.call, view, now)
      // What is spent is spent: a budget refuses the next call, it does not break off this one.
      if (decision.ok || decision.error.rule === 'budget_exceeded') continue
      entry.controller.abort(new CallEnded(decision.error))
      ended.push(entry)
    }
    return ended
  }

  abortAll(denial: Denial): void {
    for (const { controller } of this.#calls.values()) controller.abort(new CallEnded(denial))
  }
}

/** One call that cannot be decided about is refused, and keeps no other one from being stopped. */
function decideAgain(call: ToolCall, view: PolicyView, now: Date): ReturnType<typeof decide> {
  try {
    return decide(call, view, now)
  } catch {
    return err({ rule: 'policy_error', message: 'The call could not be decided about again.' })
  }
}

/** How many of the ended calls an order covers. */
export function coveredBy(order: StopFacts, ended: readonly Running[]): number {
  return ended.filter(({ call, teamId }) => {
    const { caller, serverId, tool } = call
    return stopFor([order], { agentId: caller.agentId, teamId, serverId, tool }) !== undefined
  }).length
}
