import { formatMicros } from '#lib/core/money.ts'
import type { Denial } from '../schema.ts'
import type { AgentFacts } from './facts.ts'

/** Why an agent that has spent its month's budget calls nothing more in that month (UTC); null for everybody else. */
export function budgetDenial({ id, overBudget }: AgentFacts, now: Date): Denial | null {
  if (!overBudget || overBudget.month !== now.toISOString().slice(0, 7)) return null
  const { month, spentMicros, budgetMicros } = overBudget
  const spent = formatMicros(BigInt(spentMicros))
  return {
    rule: 'budget_exceeded',
    message: `${id} has spent ${spent} of ${formatMicros(BigInt(budgetMicros))} in ${month}.`,
    facts: { month, spentMicros, budgetMicros },
  }
}
