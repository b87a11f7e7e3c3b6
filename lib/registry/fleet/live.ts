import type { Ctx } from '#lib/auth/ctx.ts'
import type { Tx } from '#lib/db/client.ts'
import { measuredSince } from '../measured.ts'
import { loadFigures, noFigures } from './figures.ts'
import { FleetIndex } from './fleet-index.ts'
import { loadAgents, loadAgentsById, loadFacts, poll } from './load.ts'
import { pruneFleetChanges } from './prune.ts'

/** So many changes at once are faster put in without keeping every order. */
const manyChanges = 300
/** Notes of changes are kept for a day (see `pruneMs`); who has not asked for half of that reads everything anew. */
const idleMsMax = 12 * 3_600_000
const pruneMs = 3_600_000
/** Requests carry slightly different times; a clock that goes back further is another one. */
const clockMsMax = 60_000

/**
 * The fleet of one database, kept up to date: every question first asks what has changed since the last one, so an answer never misses
 * what was committed before it was asked. Questions that arrive together share that round trip.
 */
class LiveFleet {
  readonly #db: Tx
  #index = new FleetIndex()
  #snapshot: string | null = null
  #askedAt = 0
  #prunedAt = 0
  #day = ''
  #current: Promise<void> | null = null
  #next: Promise<void> | null = null

  constructor(db: Tx) {
    this.#db = db
  }

  /** The index as of now. To be read before anything else is awaited. */
  async at(now: Date): Promise<FleetIndex> {
    await this.#refresh(now)
    // Who waited together goes on one after the other: the first one moves what the others find moved.
    if (this.#isPutBack(now)) await this.#exclusively(async () => this.#isPutBack(now) && (await this.#reload(now)))
    if (this.#isLaterDay(now)) await this.#exclusively(async () => this.#isLaterDay(now) && (await this.#moveDay(now)))
    this.#index.advance(now.getTime())
    return this.#index
  }

  /** The index as of now, or as of a later time that somebody has asked at. */
  async latest(now: Date): Promise<FleetIndex> {
    return await this.at(new Date(Math.max(now.getTime(), this.#index.clock)))
  }

  #isPutBack(now: Date): boolean {
    return now.getTime() < this.#index.clock - clockMsMax
  }

  /** Who asked just before midnight is answered by the window of the day that has begun: it does not go back for one question. */
  #isLaterDay(now: Date): boolean {
    return measuredSince(now).toISOString() > this.#day
  }

  /** The window of measurements has moved: every agent has other figures, and nothing else is new. */
  async #moveDay(now: Date): Promise<void> {
    const since = measuredSince(now)
    const figures = await loadFigures(this.#db, { since })
    this.#day = since.toISOString()
    this.#index.setFigures(this.#day, ({ id }) => figures.get(id) ?? noFigures)
  }

  #refresh(now: Date): Promise<void> {
    if (!this.#current) return this.#exclusively(() => this.#catchUp(now))
    this.#next ??= this.#current
      .catch(() => {})
      .then(() => {
        this.#next = null
        return this.#exclusively(() => this.#catchUp(now))
      })
    return this.#next
  }

  async #exclusively(work: () => Promise<unknown>): Promise<void> {
    while (this.#current) await this.#current.catch(() => {})
    const current = work()
      .then(() => {})
      .finally(() => (this.#current = null))
    this.#current = current
    await current
  }

  async #catchUp(now: Date): Promise<void> {
    if (this.#snapshot === null || performance.now() - this.#askedAt > idleMsMax) return await this.#reload(now)
    const { snapshot, changes, stops } = await poll(this.#db, this.#snapshot)
    const ids = changes.filter(({ kind }) => kind === 'agent').map(({ key }) => key)
    if (changes.some(({ kind }) => kind === 'everything')) return await this.#reload(now)
    const facts = changes.some(({ kind }) => kind === 'facts') ? await loadFacts(this.#db) : null
    const since = new Date(this.#day)
    const agents = ids.length > 0 ? await loadAgentsById(this.#db, ids, { since, now }) : []
    const index = this.#index
    if (ids.length > manyChanges) index.dropOrders()
    if (facts) index.setFacts(facts)
    index.setStops(stops)
    const found = new Set(agents.map(({ id }) => id))
    for (const agent of agents) index.put(agent)
    for (const id of ids) if (!found.has(id)) index.remove(id)
    this.#snapshot = snapshot
    this.#askedAt = performance.now()
    await this.#prune()
  }

  async #reload(now: Date): Promise<void> {
    const { snapshot, stops } = await poll(this.#db, null)
    const index = new FleetIndex()
    const since = measuredSince(now)
    index.measuredFrom = since.toISOString()
    index.advance(now.getTime())
    index.setFacts(await loadFacts(this.#db))
    index.setStops(stops)
    for await (const agents of loadAgents(this.#db, { since, now })) for (const agent of agents) index.put(agent)
    this.#index = index
    this.#snapshot = snapshot
    this.#day = since.toISOString()
    this.#askedAt = performance.now()
  }

  async #prune(): Promise<void> {
    if (performance.now() - this.#prunedAt < pruneMs) return
    this.#prunedAt = performance.now()
    await pruneFleetChanges(this.#db)
  }
}

// One a database and process: bundles of pages and of routes must not each hold the fleet.
const holder = globalThis as typeof globalThis & { wheelhouseFleets?: WeakMap<object, LiveFleet> }

/** The fleet as of `ctx.now`. In an open transaction it is read anew, with what the transaction has written. */
export async function fleetOf(ctx: Ctx): Promise<FleetIndex> {
  if (ctx.tx) return await new LiveFleet(ctx.tx).at(ctx.now)
  return await liveFleet(ctx).at(ctx.now)
}

/** The fleet with everything that is committed, for who has waited since `ctx.now`: its clock is never put back. */
export async function latestFleetOf(ctx: Ctx): Promise<FleetIndex> {
  return await liveFleet(ctx).latest(ctx.now)
}

function liveFleet({ db }: Ctx): LiveFleet {
  const fleets = (holder.wheelhouseFleets ??= new WeakMap())
  let fleet = fleets.get(db)
  if (!fleet) fleets.set(db, (fleet = new LiveFleet(db)))
  return fleet
}
