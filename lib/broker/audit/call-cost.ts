import type { ToolFacts } from '#lib/guardrails/rules/facts.ts'
import type { Denial } from '#lib/guardrails/schema.ts'
import type { CallCost, CallOutcome } from './records.ts'

/**
 * What a call that ended costs, by the price it was decided with; null: its tool has none. A call that the server failed (it was not reached, it answered with an
 * error of the protocol or with nothing) delivered nothing and is not billed; nor is one that was not sent. Whose end only the broker did not wait for is billed: it
 * may have been carried out, and a budget counts what may come.
 */
export function callCost(
  { listUnitPriceMicros }: ToolFacts,
  end: { outcome: CallOutcome; denial: Denial | null; sent: boolean },
): CallCost | null {
  if (!listUnitPriceMicros || listUnitPriceMicros === '0') return null
  return { listUnitPriceMicros, billedCostMicros: isBilled(end) ? listUnitPriceMicros : '0' }
}

/** A part of a call, which asks the agent for something, is not: the call is, when it goes on and ends. A task is billed with the call that begins it. */
function isBilled({ outcome, denial, sent }: Parameters<typeof callCost>[1]): boolean {
  switch (outcome) {
    case 'ok':
    case 'tool_error':
    case 'streamed':
    case 'task':
    case 'cut_off':
      return true
    case 'aborted':
      return sent
    case 'upstream_error':
      return sent && leftByBroker.has(denial?.rule)
    case 'asked':
    case 'input_required':
      return false
  }
}

/** The server was at work, or had answered: it is the broker that did not take its answer. */
const leftByBroker: ReadonlySet<string | undefined> = new Set([
  'upstream_deadline',
  'result_too_large',
  'result_too_deep',
])
