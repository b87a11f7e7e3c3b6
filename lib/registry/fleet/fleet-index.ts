import { invariant } from '#lib/core/errors.ts'
import type { AgentSort } from '../schema.ts'
import { type AccessTest, kindOf, type Reach, reachOf, satisfies } from './access.ts'
import { andInto, andNotInto, type Bitmap, clearBit, countBits, emptyBitmap, grown, orInto, setBit } from './bitmap.ts'
import { Expiries } from './expiries.ts'
import {
  type FleetAgent,
  type FleetFacts,
  type FleetFigures,
  type FleetGrant,
  type FleetStop,
  noFacts,
} from './facts.ts'
import { addTo, type Group, groupBits, groupOf, groupsFor, isSameGroup } from './groups.ts'
import type { Order } from './order.ts'
import { Orders } from './orders.ts'
import { dependsOnFacts, dependsOnFigures } from './sort-keys.ts'
import { TextIndex } from './text-index.ts'
import { type Attribute, attributes, type Dimension, ValueBits, valueOf } from './value-bits.ts'

/** Bits of a bitmap that is not to grow soon. */
const wordsMin = 32

/**
 * The whole fleet, indexed for the catalog: each agent has a slot, each value a bitmap of slots, each sorting an order. It holds what the
 * tables say and nothing of its own, so it can be built anew at any time; `put` and `remove` keep it equal to that.
 */
export class FleetIndex {
  slotOf: ReadonlyMap<string, number> = new Map()
  /** The slots of ids belong to a copy as well. */
  #sharesSlots = false
  #agents: (FleetAgent | undefined)[] = []
  #free: number[] = []
  #values = new ValueBits(wordsMin)
  #kinds: (readonly string[] | undefined)[] = []
  #sample = new Map<string, Omit<FleetGrant, 'expiresAt'>>()
  #orders = new Orders((slot) => this.agent(slot))
  #text = new TextIndex()
  readonly #expiries = new Expiries()
  readonly #reach = new Map<string, Reach>()
  readonly #resolved = new Map<
    string,
    { everybody: string[]; byGroup: Map<string, { group: Group; kinds: string[] }> }
  >()
  readonly #access = new Map<string, { found: Bitmap; size: number }>()
  #all: Bitmap = emptyBitmap(wordsMin)
  #facts = noFacts
  #stops: readonly FleetStop[] = []
  #clock = 0
  /** Grows with every change of an agent. */
  changes = 0
  /** The first UTC day that the figures count. */
  measuredFrom = ''
  /** Without figures no question about them is answered: what agents have are those of another time. */
  hasFigures = true

  get size(): number {
    return this.slotOf.size
  }
  get words(): number {
    return this.#all.length
  }
  get all(): Bitmap {
    return this.#all
  }
  get facts(): FleetFacts {
    return this.#facts
  }
  get stops(): readonly FleetStop[] {
    return this.#stops
  }

  agent(slot: number): FleetAgent {
    return this.#agents[slot]!
  }

  /** The kinds of grant in force that an agent holds. */
  kinds(slot: number): readonly string[] {
    return this.#kinds[slot] ?? []
  }

  /** Adds an agent, or replaces what was known of it. */
  put(agent: FleetAgent): void {
    this.changes += 1
    const known = this.slotOf.get(agent.id)
    const slot = known ?? this.#take(agent.id)
    const before = this.#agents[slot]
    const about = { facts: this.#facts, clock: this.#clock }
    if (before) this.#orders.move(slot, agent, about)
    this.#agents[slot] = agent
    if (!before) this.#orders.add(slot, agent, about)
    setBit(this.#all, slot)
    for (const name of attributes)
      this.#values.move(name, slot, { from: before && valueOf(before, name), to: valueOf(agent, name) })
    if (!before || before.name !== agent.name || before.purpose !== agent.purpose) this.#text.put(slot, textOf(agent))
    this.#holdKinds(slot, agent)
    if (!before || !isSameGroup(before, agent)) {
      this.#access.clear()
      // It is a group of its own.
      if (this.#facts.guardrails.namesAgent(agent.id)) this.#resolved.clear()
    }
  }

  /** Gives an agent more grants, of which `added` are new, where nothing else about it is other and the clock stands still. */
  addGrants(slot: number, { grants, added }: { grants: FleetGrant[]; added: readonly FleetGrant[] }): void {
    this.changes += 1
    this.#agents[slot] = { ...this.#agents[slot]!, grants }
    this.#orders.drop(['scopes'])
    for (const grant of added) {
      const [kind, held] = [kindOf(grant), this.#kinds[slot] ?? []]
      if (held.includes(kind)) continue
      this.#kinds[slot] = [...held, kind]
      this.#hold(slot, { kind, grant })
    }
  }

  remove(id: string): void {
    const slot = this.slotOf.get(id)
    if (slot === undefined) return
    const agent = this.#agents[slot]!
    this.changes += 1
    this.#orders.remove(slot)
    for (const name of attributes) this.#values.move(name, slot, { from: valueOf(agent, name) })
    for (const kind of this.#kinds[slot] ?? []) this.#values.move('kind', slot, { from: kind })
    this.#kinds[slot] = undefined
    this.#text.put(slot, '')
    clearBit(this.#all, slot)
    this.#agents[slot] = undefined
    this.#ownSlots().delete(id)
    this.#free.push(slot)
    this.#access.clear()
  }

  setFacts(facts: FleetFacts): void {
    this.#facts = facts
    this.#orders.drop(dependsOnFacts)
    this.#forgetReach()
  }

  setStops(stops: readonly FleetStop[]): void {
    if (JSON.stringify(stops) === JSON.stringify(this.#stops)) return
    this.#stops = stops
    this.#forgetReach()
  }

  get clock(): number {
    return this.#clock
  }

  /** Moves the clock forward: grants that have expired since count no more. */
  advance(now: number): void {
    if (now <= this.#clock) return
    this.#clock = now
    for (const id of this.#expiries.due(now)) this.#expire(id)
  }

  /** Many agents are about to change: orders are made anew when they are next asked for. */
  dropOrders(): void {
    this.#orders.drop()
  }

  /**
   * A copy that changes by itself, with its clock at `clock`, where it stands still. What is known of an agent is replaced, never changed, so
   * both hold the same of those that do not change.
   */
  copy(clock: number): FleetIndex {
    const copy = new FleetIndex()
    copy.slotOf = this.slotOf
    copy.#sharesSlots = this.#sharesSlots = true
    copy.#agents = this.#agents.slice()
    copy.#free = this.#free.slice()
    copy.#values = this.#values.copy()
    copy.#kinds = this.#kinds.slice()
    copy.#sample = new Map(this.#sample)
    copy.#orders = this.#orders.copy((slot) => copy.agent(slot))
    copy.#text = this.#text.copy()
    copy.#all = this.#all.slice()
    copy.#facts = this.#facts
    copy.#stops = this.#stops
    copy.#clock = clock
    copy.changes = this.changes
    copy.measuredFrom = this.measuredFrom
    copy.hasFigures = this.hasFigures
    return copy
  }

  /** Gives every agent other figures. */
  setFigures(measuredFrom: string, figuresOf: (agent: FleetAgent) => FleetFigures): void {
    for (const slot of this.slotOf.values()) {
      const agent = this.#agents[slot]!
      this.#agents[slot] = { ...agent, ...figuresOf(agent) }
    }
    this.measuredFrom = measuredFrom
    this.hasFigures = true
    this.changes += 1
    this.#orders.drop(dependsOnFigures)
  }

  forgetFigures(): void {
    this.hasFigures = false
    this.#orders.drop(dependsOnFigures)
  }

  bits(dimension: Dimension, value: string): Bitmap | undefined {
    return this.#values.of(dimension).get(value)
  }

  /** Every value that occurs (or has occurred), with its bitmap. */
  entries(dimension: Dimension): ReadonlyMap<string, Bitmap> {
    return this.#values.of(dimension)
  }

  /** How many of these agents have each value; null: of all agents. */
  counts(attribute: Attribute, among: { found: Bitmap; size: number } | null): [value: string, count: number][] {
    return this.#values.counts(attribute, among)
  }

  order(sort: AgentSort): Order {
    invariant(this.hasFigures || !dependsOnFigures.includes(sort), `There are no figures to sort by ${sort}.`)
    return this.#orders.of(sort, { slots: this.slotOf.values(), facts: this.#facts, clock: this.#clock })
  }

  /** The agents whose text contains the word. Shared: not to be changed by the caller. */
  find(word: string): Bitmap {
    return this.#text.find(word, this.words)
  }

  /** The agents whose effective access passes the test. Shared: not to be changed by the caller. */
  access(test: AccessTest): { found: Bitmap; size: number } {
    const identity = JSON.stringify([test.can, test.env, test.data, test.server, test.tool])
    let known = this.#access.get(identity)
    if (!known) {
      const found = this.#findAccess(identity, test)
      known = { found, size: countBits(found) }
      if (this.#access.size >= 200) this.#access.clear()
      this.#access.set(identity, known)
    }
    return known
  }

  /** What a grant reaches for an agent, if it is in force and nobody has stopped the agent. */
  reachFor(grant: Omit<FleetGrant, 'expiresAt'>, agent: FleetAgent): Reach {
    const names = this.#facts.guardrails.namesFor(grant.serverId)
    return this.#reachOf(kindOf(grant), { grant, group: groupOf(agent, names) })
  }

  #reachOf(kind: string, { grant, group }: { grant: Omit<FleetGrant, 'expiresAt'>; group: Group }): Reach {
    const identity = `${group.key} ${kind}`
    let reach = this.#reach.get(identity)
    if (!reach) {
      reach = reachOf(grant, { group, facts: this.#facts, stops: this.#stops })
      this.#reach.set(identity, reach)
    }
    return reach
  }

  /** The open stop order because of which an agent reaches nothing at all. */
  stopOf(agent: FleetAgent): FleetStop | undefined {
    return this.#stops.find(
      ({ scope, targetId }) =>
        scope === 'organization' ||
        (scope === 'agent' && targetId === agent.id) ||
        (scope === 'team' && targetId === agent.ownerTeamId),
    )
  }

  #findAccess(identity: string, test: AccessTest): Bitmap {
    const { everybody, byGroup } = this.#resolve(identity, test)
    const found = emptyBitmap(this.words)
    for (const kind of everybody) orInto(found, this.bits('kind', kind)!)
    for (const { group, kinds } of byGroup.values()) {
      const ofGroup = groupBits(this, group)
      if (!ofGroup) continue
      const reaching = emptyBitmap(this.words)
      for (const kind of kinds) orInto(reaching, this.bits('kind', kind)!)
      orInto(found, andInto(reaching, ofGroup))
    }
    for (const { scope, targetId } of this.#stops) {
      const slot = scope === 'agent' ? this.slotOf.get(targetId) : undefined
      if (slot !== undefined) clearBit(found, slot)
      const ofTeam = scope === 'team' ? this.bits('owner', targetId) : undefined
      if (ofTeam) andNotInto(found, ofTeam)
    }
    return found
  }

  /** Which kinds of grant pass the test, for everybody or for some groups of agents. */
  #resolve(identity: string, test: AccessTest) {
    let resolved = this.#resolved.get(identity)
    if (!resolved) {
      resolved = { everybody: [], byGroup: new Map() }
      for (const kind of this.entries('kind').keys()) {
        const grant = this.#sample.get(kind)!
        const groups = groupsFor(this, this.#facts.guardrails.namesFor(grant.serverId))
        const passing = groups.filter((group) =>
          this.#reachOf(kind, { grant, group }).reached.some((tool) => satisfies(tool, test)),
        )
        if (passing.length === groups.length) resolved.everybody.push(kind)
        else for (const group of passing) addTo(resolved.byGroup, group, kind)
      }
      if (this.#resolved.size >= 1000) this.#resolved.clear()
      this.#resolved.set(identity, resolved)
    }
    return resolved
  }

  #forgetReach(): void {
    this.#reach.clear()
    this.#resolved.clear()
    this.#access.clear()
  }

  #take(id: string): number {
    const slot = this.#free.pop() ?? this.slotOf.size
    this.#ownSlots().set(id, slot)
    if (slot >>> 5 < this.words) return slot
    const words = Math.ceil(this.words * 1.125)
    this.#all = grown(this.#all, words)
    this.#values.grow(words)
    this.#access.clear()
    return slot
  }

  #ownSlots(): Map<string, number> {
    if (this.#sharesSlots) this.slotOf = new Map(this.slotOf)
    this.#sharesSlots = false
    return this.slotOf as Map<string, number>
  }

  #holdKinds(slot: number, agent: FleetAgent): void {
    const before = this.#kinds[slot] ?? []
    const grants = agent.grants.filter(({ expiresAt }) => expiresAt === null || expiresAt > this.#clock)
    const after = [...new Set(grants.map((grant) => kindOf(grant)))]
    for (const { expiresAt } of grants) if (expiresAt !== null) this.#expiries.add(expiresAt, agent.id)
    if (before.length === after.length && before.every((kind) => after.includes(kind))) return
    for (const kind of before) if (!after.includes(kind)) this.#values.move('kind', slot, { from: kind })
    for (const grant of grants) this.#hold(slot, { kind: kindOf(grant), grant })
    this.#kinds[slot] = after
    this.#access.clear()
  }

  #hold(slot: number, { kind, grant }: { kind: string; grant: FleetGrant }): void {
    // A kind never seen before is in no resolved test yet.
    if (!this.#sample.has(kind)) this.#resolved.clear()
    if (this.#access.size > 0) this.#access.clear()
    this.#sample.set(kind, grant)
    this.#values.move('kind', slot, { to: kind })
  }

  #expire(id: string): void {
    const slot = this.slotOf.get(id)
    const agent = slot === undefined ? undefined : this.#agents[slot]
    if (!agent) return
    const grants = agent.grants.filter(({ expiresAt }) => expiresAt === null || expiresAt > this.#clock)
    this.put({ ...agent, grants })
  }
}

/** What words are looked for in. */
export function textOf(agent: Pick<FleetAgent, 'id' | 'name' | 'purpose'>): string {
  return `${agent.id} ${agent.name} ${agent.purpose}`.toLowerCase()
}
