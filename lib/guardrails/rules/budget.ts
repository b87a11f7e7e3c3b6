import { formatMicros } from '#lib/core/money.ts'
import type { Denial } from '../schema.ts'
import type { AgentFacts, ToolFacts } from './facts.ts'

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

/**
 * Why a call that costs something is refused where nobody has compared spending with budgets for too long: whether its agent has spent its own is not known then. Null for a call
 * that costs nothing.
 */
export function spendingDenial(
  { listUnitPriceMicros }: Pick<ToolFacts, 'listUnitPriceMicros'>,
  { lookedAt, ageMsMax, now }: { lookedAt: Date | null; ageMsMax: number; now: Date },
): Denial | null {
  if (!isPriced({ listUnitPriceMicros }) || ageMsMax === 0) return null
  if (lookedAt !== null && now.getTime() - lookedAt.getTime() <= ageMsMax) return null
  const since = lookedAt === null ? 'never' : `last at ${lookedAt.toISOString()}`
  return {
    rule: 'spending_unknown',
    message: `The call costs ${formatMicros(BigInt(listUnitPriceMicros ?? 0))}, and what agents have spent was ${since} compared with their budgets.`,
    facts: { ...(lookedAt ? { spendingLookedAt: lookedAt.toISOString() } : {}), spendingAgeMsMax: ageMsMax },
  }
}

/** Whether a call of it costs something. */
export function isPriced({ listUnitPriceMicros }: Pick<ToolFacts, 'listUnitPriceMicros'>): boolean {
  return BigInt(listUnitPriceMicros ?? 0) > 0n
}
