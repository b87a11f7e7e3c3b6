import type { ExplainedFacts, LimitUsage } from '../schema/explanation.ts'

/** How far the limit is used that refused, and when it is free again; null for what is no limit, and where the record of a release before does not say. */
export function usageOf(rule: string, facts: ExplainedFacts, at: Date): LimitUsage | null {
  const { calls, per, used, burst, retryAfterMs } = facts
  const freeAt = typeof retryAfterMs === 'number' ? new Date(at.getTime() + retryAfterMs).toISOString() : null
  switch (rule) {
    case 'budget_exceeded':
    case 'budget_exhausted':
      return ofMonth(facts)
    case 'grant_rate':
      if (typeof calls !== 'number' || (per !== 'minute' && per !== 'hour')) return null
      return { used: Number(used ?? calls), limit: calls, unit: 'calls', per, freeAt }
    case 'rate_limited':
      if (typeof used !== 'number' || typeof burst !== 'number') return null
      return { used, limit: burst, unit: 'calls', per: 'second', freeAt }
    case 'calls_at_once':
      return atOnce(facts)
    case 'run_turns':
      return ofRun({ used: facts['turns'], limit: facts['turnsMax'], unit: 'turns' })
    case 'run_deadline':
      return ofRun({ used: facts['minutes'], limit: facts['deadlineMinutes'], unit: 'minutes' })
    case 'run_budget':
      return ofRun({ used: facts['costMicros'], limit: facts['runBudgetMicros'], unit: 'micro-dollars' })
    default:
      return null
  }
}

function ofMonth({ month, spentMicros, budgetMicros }: ExplainedFacts): LimitUsage | null {
  if (typeof month !== 'string') return null
  const [year = 0, of = 1] = month.split('-').map(Number)
  const freeAt = new Date(Date.UTC(year, of, 1)).toISOString()
  return { used: Number(spentMicros), limit: Number(budgetMicros), unit: 'micro-dollars', per: 'month', freeAt }
}

/** Calls under way, or that wait for people, and what those hold in memory. */
function atOnce({ used, limit, atOnce, unit }: ExplainedFacts): LimitUsage | null {
  const max = limit ?? atOnce
  if (typeof max !== 'number') return null
  const of = unit === 'bytes' ? 'bytes' : 'calls'
  return { used: typeof used === 'number' ? used : max, limit: max, unit: of, per: null, freeAt: null }
}

type Recorded = ExplainedFacts[string] | undefined

function ofRun(of: { used: Recorded; limit: Recorded; unit: LimitUsage['unit'] }): LimitUsage | null {
  const { used, limit, unit } = of
  if (used === undefined || limit === undefined) return null
  return { used: Number(used), limit: Number(limit), unit, per: 'run', freeAt: null }
}
