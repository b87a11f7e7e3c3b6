import { type Ctx, reader } from '#lib/auth/ctx.ts'
import { DomainError } from '#lib/core/errors.ts'
import type { Tx } from '#lib/db/client.ts'
import { measuredSince } from '../measured.ts'
import { FleetIndex } from './fleet-index.ts'
import { latestFleetOf } from './live.ts'
import { loadFacts, loadPastAgents, loadPastStops } from './load.ts'
import { measureAt, turnedBack } from './turn-back.ts'

/** A page, its facets and its next page ask about the same instant; agents of all instants that are kept, one instant at least. */
const keptAgentsMax = 250_000
const keptInstantsMax = 20
const keptMs = 10 * 60_000
/** Fleets that are being read or wait for it, of everybody and of one person: more would wait too long, and keep others from theirs. */
const waitingMax = { all: 8, person: 2 }

/** `measured`: when it has been given its figures; null: nobody has asked for them. */
type Kept = { index: Promise<FleetIndex>; measured: Promise<void> | null; agents: number; usedAt: number }

/** Fleets as they were, by instant. What was is never changed, so one that is kept needs no look at the database. */
class PastFleets {
  readonly #kept = new Map<number, Kept>()
  #building: Promise<unknown> = Promise.resolve()
  /** Who has asked for those that are not read yet. */
  readonly #waiting: string[] = []

  async at(ctx: Ctx, { at, figures }: PastQuestion): Promise<FleetIndex> {
    const time = at.getTime()
    const kept = this.#kept.get(time) ?? this.#build(ctx, at)
    // The least recently used one stands first.
    this.#kept.delete(time)
    this.#kept.set(time, kept)
    kept.usedAt = performance.now()
    const index = await kept.index
    if (figures && !index.hasFigures) await (kept.measured ??= this.#measure(ctx, { index, at, kept }))
    return index
  }

  #build(ctx: Ctx, at: Date): Kept {
    const index = this.#inTurn(ctx, () => pastOf(ctx, at))
    const kept: Kept = { index, measured: null, agents: 0, usedAt: performance.now() }
    index.then(
      ({ size }) => {
        kept.agents = size
        this.#evict()
      },
      () => this.#kept.delete(at.getTime()),
    )
    setTimeout(() => this.#expire(at.getTime()), keptMs).unref()
    return kept
  }

  async #measure(ctx: Ctx, { index, at, kept }: { index: FleetIndex; at: Date; kept: Kept }): Promise<void> {
    try {
      await this.#inTurn(ctx, () => measureAt(reader(ctx), index, at))
    } finally {
      kept.measured = null
    }
  }

  /** One at a time: a large fleet takes memory and the database's time. */
  #inTurn<T>(ctx: Ctx, work: () => Promise<T>): Promise<T> {
    const by = `${ctx.actor.kind} ${ctx.actor.id}`
    this.#refuseMany(by)
    this.#waiting.push(by)
    const done = this.#building.then(work).finally(() => this.#waiting.splice(this.#waiting.indexOf(by), 1))
    this.#building = done.catch(() => {})
    return done
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

/** `at`: an instant that `instantOf` has accepted. `figures`: whether the answer depends on those of every agent. */
export type PastQuestion = { at: Date; figures: boolean }

/**
 * The fleet as it was at an instant: the same index over the same queries, asked about tables as they were. Where nobody has asked about the
 * figures of another day it has none. Throws `rate_limited` or `unavailable` when this person or everybody together asks about too many
 * instants at once.
 */
export async function pastFleetOf(ctx: Ctx, question: PastQuestion): Promise<FleetIndex> {
  if (ctx.tx) return await readPast(ctx.tx, question.at)
  const all = (holder.wheelhousePastFleets ??= new WeakMap())
  let fleets = all.get(ctx.db)
  if (!fleets) all.set(ctx.db, (fleets = new PastFleets()))
  return await fleets.at(ctx, question)
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
