import type { AgentFacts, Caller } from '#lib/guardrails/rules/facts.ts'
import type { Denial } from '#lib/guardrails/schema.ts'
import type { ExplainedFacts } from '#lib/guardrails/schema/explanation.ts'
import { type AuditRow, callerRefusedRow } from './records.ts'

const windowMs = 1000
const kindsMax = 20

type Refused = {
  caller: Caller
  denial: Denial
  agent: AgentFacts | undefined
  serverId: string | null
  explained?: ExplainedFacts
}
type Tally = Refused & { id: string; durable: Promise<void>; count: number }

/**
 * Records refused callers whom a token names: the first of a kind at once, the others of the same second as one row with their number, and at
 * most twenty kinds of an agent a second, so that a token that counts no more cannot flood the audit log.
 */
export class RefusedCallers {
  readonly #append: (row: AuditRow) => Promise<void>
  readonly #now: () => Date
  #tallies = new Map<string, Tally>()
  /** How many kinds of an agent there are among them. */
  readonly #kinds = new Map<string, number>()
  #timer: NodeJS.Timeout | undefined

  constructor(options: { append: (row: AuditRow) => Promise<void>; now: () => Date }) {
    this.#append = options.append
    this.#now = options.now
  }

  /** Resolves with the id of the row that says so when it is durable; rejects when it cannot be. */
  async note(refused: Refused): Promise<string> {
    const key = this.#keyOf(refused)
    const known = this.#tallies.get(key)
    if (known) {
      known.count += 1
      // A row that counts callers of several servers names none.
      if (known.serverId !== refused.serverId) known.serverId = null
      await known.durable
      return known.id
    }
    const row = this.#rowOf(refused, 1)
    const id = String(row['id'])
    const durable = this.#append(row)
    // What is recorded at once is not counted again at the end of the window.
    this.#tallies.set(key, { ...refused, id, durable, count: 0 })
    this.#timer ??= setTimeout(() => this.flush(), windowMs)
    try {
      await durable
    } catch (error) {
      this.#tallies.delete(key)
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
    for (const tally of tallies) {
      if (tally.count > 0) void this.#append(this.#rowOf(tally, tally.count)).catch(() => {})
    }
  }

  /** Refusals of one kind say the same; of too many kinds only the rule is told apart. */
  #keyOf({ caller: { agentId }, denial: { rule, message } }: Refused): string {
    const exact = `${agentId} ${rule} ${message}`
    if (this.#tallies.has(exact)) return exact
    const kinds = this.#kinds.get(agentId) ?? 0
    if (kinds >= kindsMax) return `${agentId} ${rule}`
    this.#kinds.set(agentId, kinds + 1)
    return exact
  }

  #rowOf({ caller, denial, agent, serverId, explained }: Refused, count: number): AuditRow {
    return callerRefusedRow(caller, denial, { agent, serverId, count, explained, now: this.#now() })
  }
}
