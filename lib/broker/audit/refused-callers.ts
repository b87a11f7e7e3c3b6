import type { AgentFacts, Caller } from '#lib/guardrails/rules/facts.ts'
import type { Denial } from '#lib/guardrails/schema.ts'
import type { ExplainedFacts } from '#lib/guardrails/schema/explanation.ts'
import { type AuditRow, callerRefusedRow } from './records.ts'
import { Tallies } from './tallies.ts'

type Refused = {
  caller: Caller
  denial: Denial
  agent: AgentFacts | undefined
  serverId: string | null
  explained?: ExplainedFacts
}

/** Records refused callers whom a token names, so that a token that counts no more cannot flood the audit log. */
export class RefusedCallers {
  readonly #tallies: Tallies<Refused>
  readonly #now: () => Date

  constructor(options: { append: (row: AuditRow) => Promise<void>; now: () => Date }) {
    // A row that counts callers of several servers names none.
    const both = (one: Refused, other: Refused) => (one.serverId === other.serverId ? one : { ...one, serverId: null })
    this.#tallies = new Tallies({ append: options.append, both })
    this.#now = options.now
  }

  /** Resolves with the id of the row that says so when it is durable; rejects when it cannot be. */
  async note(refused: Refused): Promise<string> {
    const { caller, denial } = refused
    // Refusals of one kind say the same; of too many kinds only the rule is told apart.
    const beyond = `${caller.agentId} ${denial.rule}`
    const kind = { of: caller.agentId, exact: `${beyond} ${denial.message}`, beyond }
    const rowOf = (of: Refused, count: number) => this.#rowOf(of, count)
    return await this.#tallies.note(refused, { kind, first: rowOf(refused, 1), rowOf })
  }

  flush(): void {
    this.#tallies.flush()
  }

  #rowOf({ caller, denial, agent, serverId, explained }: Refused, count: number): AuditRow {
    return callerRefusedRow(caller, denial, { agent, serverId, count, explained, now: this.#now() })
  }
}
