import type { ToolCall } from '#lib/guardrails/rules/facts.ts'
import type { AuditRow } from './records.ts'

const windowMs = 1000
/** Of one agent in one window; what is beyond is counted together. */
const kindsMax = 20

type Tally = {
  call: ToolCall
  id: string
  durable: Promise<void>
  count: number
  rowOf: (call: ToolCall, count: number) => AuditRow
}

/**
 * Records calls that come too often: the first of an agent's run at a tool at once, the others of the same second as one row with their number. So
 * whoever insists costs the audit log a row a second, and no call is answered before a row that says so is durable. A broker that is killed
 * loses the number of the last second, never the first.
 */
export class RefusedCalls {
  readonly #append: (row: AuditRow) => Promise<void>
  #tallies = new Map<string, Tally>()
  readonly #kinds = new Map<string, number>()
  #timer: NodeJS.Timeout | undefined

  constructor(options: { append: (row: AuditRow) => Promise<void> }) {
    this.#append = options.append
  }

  /**
   * Resolves with the id of the row that says so when it is durable; rejects when it cannot be.
   *
   * @param row of this call, if it is the first
   * @param rowOf of several
   */
  async note(call: ToolCall, row: AuditRow, rowOf: Tally['rowOf']): Promise<string> {
    const key = this.#keyOf(call)
    const known = this.#tallies.get(key)
    if (known) {
      known.count += 1
      known.call = both(known.call, call)
      await known.durable
      return known.id
    }
    const id = String(row['id'])
    const durable = this.#append(row)
    // What is recorded at once is not counted again at the end of the window.
    const tally = { call, id, durable, count: 0, rowOf }
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
    for (const { call, count, rowOf } of tallies) {
      if (count > 0) void this.#append(rowOf(call, count)).catch(() => {})
    }
  }

  #keyOf({ caller: { agentId, runId }, serverId, tool }: ToolCall): string {
    const exact = `${agentId} ${runId ?? ''} ${serverId} ${tool}`
    if (this.#tallies.has(exact)) return exact
    const kinds = this.#kinds.get(agentId) ?? 0
    if (kinds >= kindsMax) return agentId
    this.#kinds.set(agentId, kinds + 1)
    return exact
  }
}

/** A row that counts calls of several runs, servers or tools names none of them. */
function both(one: ToolCall, other: ToolCall): ToolCall {
  const isSame = one.tool === other.tool && one.serverId === other.serverId && one.caller.runId === other.caller.runId
  return isSame ? one : { caller: { ...one.caller, runId: null }, serverId: '', tool: 'several' }
}
