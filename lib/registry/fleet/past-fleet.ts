import { type Ctx, reader } from '#lib/auth/ctx.ts'
import { DomainError } from '#lib/core/errors.ts'
import type { Tx } from '#lib/db/client.ts'
import { measuredSince } from '../measured.ts'
import { FleetIndex } from './fleet-index.ts'
import { latestFleetOf } from './live.ts'
import { loadFacts, loadPastAgents, loadPastStops } from './load.ts'
import { turnedBack } from './turn-back.ts'

/** A page, its facets and its next page ask about the same instant; agents of all instants that are kept, one instant at least. */
const keptAgentsMax = 250_000
const keptInstantsMax = 20
const keptMs = 10 * 60_000
/** Fleets that are being read or wait for it, of everybody and of one person: more would wait too long, and keep others from theirs. */
const waitingMax = { all: 8, person: 2 }

type Kept = { index: Promise<FleetIndex>; agents: number; usedAt: number }

/** Fleets as they were, by instant. What was is never changed, so one that is kept needs no look at the database. */
class PastFleets {
  readonly #kept = new Map<number, Kept>()
  #building: Promise<unknown> = Promise.resolve()
  /** Who has asked for those that are not read yet. */
  readonly #waiting: string[] = []

  async at(ctx: Ctx, at: Date): Promise<FleetIndex> {
    const time = at.getTime()
    const kept = this.#kept.get(time) ?? this.#build(ctx, at)
    // The least recently used one stands first.
    this.#kept.delete(time)
    this.#kept.set(time, kept)
    kept.usedAt = performance.now()
    return await kept.index
  }

  /** One at a time: a large fleet takes memory and the database's time. */
  #build(ctx: Ctx, at: Date): Kept {
    const by = `${ctx.actor.kind} ${ctx.actor.id}`
    this.#refuseMany(by)
    this.#waiting.push(by)
    const index = this.#building.then(() => pastOf(ctx, at))
    const kept: Kept = { index, agents: 0, usedAt: performance.now() }
    this.#building = index
      .finally(() => this.#waiting.splice(this.#waiting.indexOf(by), 1))
      .then(
        ({ size }) => {
          kept.agents = size
          this.#evict()
        },
        () => this.#kept.delete(at.getTime()),
      )
    setTimeout(() => this.#expire(at.getTime()), keptMs).unref()
    return kept
  }

  #refuseMany(by: string): void {
    if (this.#waiting.filter((who) => who === by).length >= waitingMax.person) {
      const message = 'You are asking about several other instants just now. Wait for their answers.'
      throw new DomainError('rate_limited', message, { rule: 'history:instants', retryAfterSeconds: 5 })
    }
    if (this.#waiting.length >= waitingMax.all) {
      const message = 'Too many instants are asked about just now. Try again shortly.'
      throw new DomainError('unavailable', message, { rule: 'history:busy', retryAfterSeconds: 10 })
    }
  }

  #evict(): void {
    let agents = [...this.#kept.values()].reduce((sum, kept) => sum + kept.agents, 0)
    for (const [time, kept] of this.#kept) {
      if (this.#kept.size <= 1 || (agents <= keptAgentsMax && this.#kept.size <= keptInstantsMax)) return
      this.#kept.delete(time)
      agents -= kept.agents
    }
  }

  #expire(time: number): void {
    const kept = this.#kept.get(time)
    if (!kept) return
    const leftMs = kept.usedAt + keptMs - performance.now()
    if (leftMs <= 0) this.#kept.delete(time)
    else setTimeout(() => this.#expire(time), leftMs).unref()
  }
}

// One a database and process, as the fleet of now.
const holder = globalThis as typeof globalThis & { wheelhousePastFleets?: WeakMap<object, PastFleets> }

/**
 * The fleet as it was at an instant that `instantOf` has accepted: the same index over the same queries, asked about tables as they were.
 * Throws `rate_limited` or `unavailable` when this person or everybody together asks about too many instants at once.
 */
export async function pastFleetOf(ctx: Ctx, at: Date): Promise<FleetIndex> {
  if (ctx.tx) return await readPast(ctx.tx, at)
  const all = (holder.wheelhousePastFleets ??= new WeakMap())
  let fleets = all.get(ctx.db)
  if (!fleets) all.set(ctx.db, (fleets = new PastFleets()))
  return await fleets.at(ctx, at)
}

async function pastOf(ctx: Ctx, at: Date): Promise<FleetIndex> {
  return await turnedBack(reader(ctx), await latestFleetOf(ctx), at)
}

/** Read as a whole from tables as they were. */
async function readPast(db: Tx, at: Date): Promise<FleetIndex> {
  const index = new FleetIndex()
  index.advance(at.getTime())
  index.setFacts(await loadFacts(db, at))
  index.setStops(await loadPastStops(db, at))
  for await (const agents of loadPastAgents(db, { since: measuredSince(at), now: at })) {
    for (const agent of agents) index.put(agent)
  }
  return index
}
