import type { ExplainedFacts, LimitUsage } from '../schema/explanation.ts'

/** How far the limit is used that refused, and when it is free again; null for what is no limit. */
export function usageOf(rule: string, facts: ExplainedFacts, at: Date): LimitUsage | null {
  const { month, spentMicros, budgetMicros, calls, per, used, burst, retryAfterMs } = facts
  if (rule === 'budget_exceeded') {
    if (typeof month !== 'string') return null
    const [year = 0, of = 1] = month.split('-').map(Number)
    const freeAt = new Date(Date.UTC(year, of, 1)).toISOString()
    return { used: Number(spentMicros), limit: Number(budgetMicros), unit: 'micro-dollars', per: 'month', freeAt }
  }
  const freeAt = typeof retryAfterMs === 'number' ? new Date(at.getTime() + retryAfterMs).toISOString() : null
  if (rule === 'grant_rate' && typeof calls === 'number' && (per === 'minute' || per === 'hour')) {
    return { used: Number(used ?? calls), limit: calls, unit: 'calls', per, freeAt }
  }
  if (rule === 'rate_limited' && typeof used === 'number' && typeof burst === 'number') {
    return { used, limit: burst, unit: 'calls', per: 'second', freeAt }
  }
  return null
}
