import type { AgentSort } from '../schema.ts'
import type { FleetAgent, FleetFacts } from './facts.ts'
import { Order } from './order.ts'
import { sortKeyOf } from './sort-keys.ts'

type About = { facts: FleetFacts; clock: number }

/** The orders that have been asked for; each is made when it is first needed and kept while single agents change. */
export class Orders {
  readonly #orders = new Map<AgentSort, Order>()
  readonly #agentAt: (slot: number) => FleetAgent

  constructor(agentAt: (slot: number) => FleetAgent) {
    this.#agentAt = agentAt
  }

  of(sort: AgentSort, { slots, ...about }: About & { slots: Iterable<number> }): Order {
    let order = this.#orders.get(sort)
    if (!order) {
      const key = sortKeyOf(sort, about)
      const all = Uint32Array.from(slots)
      order = Order.of(
        all,
        (slot) => key(this.#agentAt(slot)),
        (slot) => this.#agentAt(slot).id,
      )
      this.#orders.set(sort, order)
    }
    return order
  }

  /** To be called while the slot still holds the agent as it was: orders find it by its keys. */
  move(slot: number, after: FleetAgent, about: About): void {
    for (const [sort, order] of this.#orders) {
      const key = sortKeyOf(sort, about)(after)
      if (order.keyOf(slot) === key) continue
      order.remove(slot)
      order.add(slot, key)
    }
  }

  /** To be called once the slot holds the agent. */
  add(slot: number, agent: FleetAgent, about: About): void {
    for (const [sort, order] of this.#orders) order.add(slot, sortKeyOf(sort, about)(agent))
  }

  /** To be called while the slot still holds the agent. */
  remove(slot: number): void {
    for (const order of this.#orders.values()) order.remove(slot)
  }

  /** They are made anew when they are next asked for. */
  drop(sorts: readonly AgentSort[] = [...this.#orders.keys()]): void {
    for (const sort of sorts) this.#orders.delete(sort)
  }

  copy(agentAt: (slot: number) => FleetAgent): Orders {
    const copy = new Orders(agentAt)
    for (const [sort, order] of this.#orders)
      copy.#orders.set(
        sort,
        order.copy((slot) => agentAt(slot).id),
      )
    return copy
  }
}
