import type { Denial } from '#lib/guardrails/schema.ts'
import { type AuditRow, strangersRefusedRow } from './records.ts'

const windowMs = 1000
const kindsMax = 20

type Tally = { denial: Denial; address: string; count: number }

/**
 * Records refused callers without a valid token: the first of a kind at once, the others of the same second as one row with their
 * number, and at most twenty kinds a second, so that nobody can flood the audit log.
 */
export class StrangerLog {
  readonly #append: (row: AuditRow) => void
  readonly #now: () => Date
  #tallies = new Map<string, Tally>()
  #timer: NodeJS.Timeout | undefined

  constructor(options: { append: (row: AuditRow) => void; now: () => Date }) {
    this.#append = options.append
    this.#now = options.now
  }

  note(denial: Denial, address: string): void {
    const known = this.#tallies.size < kindsMax
    const key = known || this.#tallies.has(`${denial.rule} ${address}`) ? `${denial.rule} ${address}` : 'others'
    const tally = this.#tallies.get(key)
    if (tally) {
      tally.count += 1
      return
    }
    const where = key === 'others' ? 'others' : address
    // What is recorded at once is not counted again at the end of the window.
    this.#tallies.set(key, { denial, address: where, count: 0 })
    this.#append(strangersRefusedRow(denial, 1, where, this.#now()))
    this.#timer ??= setTimeout(() => this.flush(), windowMs)
  }

  flush(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    const tallies = [...this.#tallies.values()]
    this.#tallies = new Map()
    for (const { denial, address, count } of tallies) {
      if (count > 0) this.#append(strangersRefusedRow(denial, count, address, this.#now()))
    }
  }
}
