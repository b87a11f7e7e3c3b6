import type { Actor } from '#lib/auth/ctx.ts'
import type { Denial } from '#lib/guardrails/schema.ts'
import { type AuditRow, strangersRefusedRow } from './records.ts'
import { Tallies } from './tallies.ts'

/** `person`: whose token it is, where it is one of a person's that does not open what is asked for. */
export type RefusedStranger = { denial: Denial; address: string; person?: Actor | undefined }

/**
 * Records refused callers that are no agent, by rule and address: the first of a kind is durable before anybody of it is answered, the others of the same second are one row
 * with their number, and beyond twenty kinds a second only the rule is told apart, so that nobody can flood the audit log.
 */
export class StrangerLog {
  readonly #tallies: Tallies<RefusedStranger>
  readonly #now: () => Date

  constructor(options: { append: (row: AuditRow) => Promise<void>; now: () => Date }) {
    this.#tallies = new Tallies({ append: options.append, both })
    this.#now = options.now
  }

  /** Resolves with the id of a row that says so when it is durable; rejects when it cannot be. */
  async note(refused: RefusedStranger): Promise<string> {
    const { denial, address, person } = refused
    const kind = { of: 'strangers', exact: `${denial.rule} ${person?.id ?? ''} ${address}`, beyond: denial.rule }
    const rowOf = (of: RefusedStranger, count: number) => strangersRefusedRow(of, { count, now: this.#now() })
    return await this.#tallies.note(refused, { kind, first: rowOf(refused, 1), rowOf })
  }

  flush(): void {
    this.#tallies.flush()
  }
}

/** A row that counts several names none of them. */
function both({ denial, ...one }: RefusedStranger, other: RefusedStranger): RefusedStranger {
  const address = one.address === other.address ? one.address : 'others'
  return one.person?.id === other.person?.id ? { denial, ...one, address } : { denial, address }
}
