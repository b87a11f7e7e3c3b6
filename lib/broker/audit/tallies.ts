import type { AuditRow } from './records.ts'

const windowMs = 1000
/** Of one agent, or of all strangers, in one window; what is beyond is counted together. */
const kindsMax = 20

export type Kind = {
  /** Whose kinds are counted: an agent's, or those of all strangers. */
  of: string
  /** Those that say the same. */
  exact: string
  /** What is told apart of further ones, of too many kinds. */
  beyond: string
}
type RowOf<About> = (about: About, count: number) => AuditRow
type Tally<About> = { about: About; id: string; durable: Promise<void>; count: number; rowOf: RowOf<About> }

/**
 * Records what somebody repeats: the first of a kind at once, the others of the same second as one row with their number, and at most twenty kinds of each a second. So
 * whoever insists costs the audit log some rows a second, and nothing is answered before a row that says so is durable. A broker that is killed loses the number of the last
 * second, never the first.
 */
export class Tallies<About> {
  readonly #append: (row: AuditRow) => Promise<void>
  readonly #both: (one: About, other: About) => About
  #tallies = new Map<string, Tally<About>>()
  /** How many kinds of each there are among them. */
  readonly #kinds = new Map<string, number>()
  #timer: NodeJS.Timeout | undefined

  /** @param options `both`: what one row says of two that it counts together */
  constructor(options: { append: (row: AuditRow) => Promise<void>; both: (one: About, other: About) => About }) {
    this.#append = options.append
    this.#both = options.both
  }

  /**
   * Resolves with the id of the row that says so when it is durable; rejects when it cannot be.
   *
   * @param as its kind, the row of it if it is the first, and that of several
   */
  async note(about: About, as: { kind: Kind; first: AuditRow; rowOf: RowOf<About> }): Promise<string> {
    const key = this.#keyOf(as.kind)
    const known = this.#tallies.get(key)
    if (known) {
      known.count += 1
      known.about = this.#both(known.about, about)
      await known.durable
      return known.id
    }
    const id = String(as.first['id'])
    const durable = this.#append(as.first)
    // What is recorded at once is not counted again at the end of the window.
    const tally = { about, id, durable, count: 0, rowOf: as.rowOf }
    this.#tallies.set(key, tally)
    this.#timer ??= setTimeout(() => this.flush(), windowMs)
    try {
      await durable
    } catch (error) {
      // The window it belongs to may be over: what counts under its name now is another's.
      if (this.#tallies.get(key) === tally) this.#tallies.delete(key)
      throw error
    }
    return id
  }

  flush(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    const tallies = [...this.#tallies.values()]
    this.#tallies = new Map()
    this.#kinds.clear()
    for (const { about, count, rowOf } of tallies) {
      if (count > 0) void this.#append(rowOf(about, count)).catch(() => {})
    }
  }

  #keyOf({ of, exact, beyond }: Kind): string {
    if (this.#tallies.has(exact)) return exact
    const kinds = this.#kinds.get(of) ?? 0
    if (kinds >= kindsMax) return beyond
    this.#kinds.set(of, kinds + 1)
    return exact
  }
}
