import { decide } from '#lib/guardrails/rules/decide.ts'
import type { PolicyView, StopFacts, ToolCall } from '#lib/guardrails/rules/facts.ts'
import { stopFor } from '#lib/guardrails/rules/stops.ts'
import type { Denial } from '#lib/guardrails/schema.ts'

/** Why a call was ended before its upstream answered; `denial` is null when the agent itself went away. */
export class CallEnded extends Error {
  override readonly name = 'CallEnded'
  readonly denial: Denial | null

  constructor(denial: Denial | null) {
    super(denial?.message ?? 'The caller went away.')
    this.denial = denial
  }
}

export type InFlightCall = { call: ToolCall; teamId: string; controller: AbortController }

/** The calls that are being carried out: each is decided again whenever the registry changes, and ended when it would now be refused. */
export class InFlight {
  readonly #calls = new Set<InFlightCall>()

  get size(): number {
    return this.#calls.size
  }

  /** Begins a call that ends at its deadline, when the caller goes away, or when `recheck` says so. Call the returned function at its end. */
  begin(
    call: ToolCall,
    options: { teamId: string; deadlineMs: number; gone: AbortSignal },
  ): { signal: AbortSignal; end: () => void } {
    const entry: InFlightCall = { call, teamId: options.teamId, controller: new AbortController() }
    const late = (): void =>
      entry.controller.abort(
        new CallEnded({
          rule: 'upstream_deadline',
          message: `${call.serverId} did not answer within ${options.deadlineMs} ms.`,
        }),
      )
    const onGone = (): void => entry.controller.abort(new CallEnded(null))
    const timer = setTimeout(late, options.deadlineMs)
    options.gone.addEventListener('abort', onGone, { once: true })
    if (options.gone.aborted) onGone()
    this.#calls.add(entry)
    return {
      signal: entry.controller.signal,
      end: () => {
        clearTimeout(timer)
        options.gone.removeEventListener('abort', onGone)
        this.#calls.delete(entry)
      },
    }
  }

  /** Ends every call that would be refused now; returns what it ended. */
  recheck(view: PolicyView, now: Date): InFlightCall[] {
    const ended: InFlightCall[] = []
    for (const entry of this.#calls) {
      if (entry.controller.signal.aborted) continue
      const decision = decide(entry.call, view, now)
      // What is spent is spent: a budget refuses the next call, it does not break off this one.
      if (decision.ok || decision.error.rule === 'budget_exceeded') continue
      entry.controller.abort(new CallEnded(decision.error))
      ended.push(entry)
    }
    return ended
  }

  abortAll(denial: Denial): void {
    for (const { controller } of this.#calls) controller.abort(new CallEnded(denial))
  }
}

/** How many of the ended calls an order covers. */
export function coveredBy(order: StopFacts, ended: readonly InFlightCall[]): number {
  return ended.filter(({ call, teamId }) => {
    const { caller, serverId, tool } = call
    return stopFor([order], { agentId: caller.agentId, teamId, serverId, tool }) !== undefined
  }).length
}
