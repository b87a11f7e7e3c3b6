import type { Ctx } from '#lib/auth/ctx.ts'
import type { StopFacts } from '#lib/guardrails/rules/facts.ts'
import { acknowledgeStop } from '#lib/killswitch/commands.ts'
import type { Log } from '#lib/log/log.ts'
import { coveredBy, type InFlight } from './in-flight.ts'
import type { BrokerView } from './view/view.ts'

/**
 * Carries out what the view brings: calls that would now be refused are ended, and every open stop order that this broker enforces is
 * acknowledged once, with the number of calls it ended. An acknowledgement that fails is tried again with the next reload.
 */
export class StopWatch {
  readonly #parts: { inFlight: InFlight; ctx: () => Ctx; instance: string; log: Log }
  readonly #acknowledged = new Set<string>()
  #pending: Promise<void> = Promise.resolve()

  constructor(parts: { inFlight: InFlight; ctx: () => Ctx; instance: string; log: Log }) {
    this.#parts = parts
  }

  enforce(view: BrokerView): void {
    const { inFlight, ctx } = this.#parts
    const startedAt = performance.now()
    const ended = inFlight.recheck(view, ctx().now)
    const ms = Math.ceil(performance.now() - startedAt)
    for (const order of view.stops) {
      if (this.#acknowledged.has(order.id)) continue
      this.#acknowledged.add(order.id)
      this.#pending = this.#pending.then(() => this.#acknowledge(order, { callsAborted: coveredBy(order, ended), ms }))
    }
    const open = new Set(view.stops.map((order) => order.id))
    for (const id of this.#acknowledged) if (!open.has(id)) this.#acknowledged.delete(id)
  }

  /** Resolves when everything that was to be acknowledged is. */
  settled(): Promise<void> {
    return this.#pending
  }

  async #acknowledge(order: StopFacts, detail: { callsAborted: number; ms: number }): Promise<void> {
    const { ctx, instance, log } = this.#parts
    try {
      await acknowledgeStop(ctx(), { orderId: order.id, process: 'broker', instance, detail })
    } catch (error) {
      this.#acknowledged.delete(order.id)
      log.warn({ err: error, orderId: order.id }, 'a stop order could not be acknowledged')
    }
  }
}
