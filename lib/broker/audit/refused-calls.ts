import type { ToolCall } from '#lib/guardrails/rules/facts.ts'
import type { AuditRow } from './records.ts'
import { Tallies } from './tallies.ts'

/** Records calls that come too often: those of one run at one tool are one kind. */
export class RefusedCalls {
  readonly #tallies: Tallies<ToolCall>

  constructor(options: { append: (row: AuditRow) => Promise<void> }) {
    this.#tallies = new Tallies({ append: options.append, both })
  }

  /**
   * Resolves with the id of the row that says so when it is durable; rejects when it cannot be.
   *
   * @param first the row of this call, if it is the first
   * @param rowOf of several
   */
  async note(call: ToolCall, first: AuditRow, rowOf: (call: ToolCall, count: number) => AuditRow): Promise<string> {
    const { agentId, runId } = call.caller
    const exact = `${agentId} ${runId ?? ''} ${call.serverId} ${call.tool}`
    return await this.#tallies.note(call, { kind: { of: agentId, exact, beyond: agentId }, first, rowOf })
  }

  flush(): void {
    this.#tallies.flush()
  }
}

/** A row that counts calls of several runs, servers or tools names none of them. */
function both(one: ToolCall, other: ToolCall): ToolCall {
  const isSame = one.tool === other.tool && one.serverId === other.serverId && one.caller.runId === other.caller.runId
  return isSame ? one : { caller: { ...one.caller, runId: null }, serverId: '', tool: 'several' }
}
