import { expect, test } from 'vitest'
import { usageOf } from './usage.ts'

const at = new Date('2026-11-26T10:00:00Z')

test('every limit says how far it is used, in its own unit', () => {
  const month = { month: '2026-11', spentMicros: '7', budgetMicros: '5' }
  const spent = { used: 7, limit: 5, unit: 'micro-dollars', per: 'month', freeAt: '2026-12-01T00:00:00.000Z' }
  const ofRun = { per: 'run', freeAt: null }
  const atOnce = { per: null, freeAt: null }
  const cases = [
    ['budget_exceeded', month, spent],
    ['budget_exhausted', month, spent],
    ['grant_rate', { calls: 3, per: 'hour', used: 3, retryAfterMs: 1000 }, { used: 3, limit: 3, per: 'hour' }],
    ['rate_limited', { used: 8, burst: 8, retryAfterMs: 500 }, { freeAt: '2026-11-26T10:00:00.500Z' }],
    ['run_turns', { turns: 4, turnsMax: 3 }, { used: 4, limit: 3, unit: 'turns', ...ofRun }],
    ['run_deadline', { minutes: 30, deadlineMinutes: 30 }, { used: 30, limit: 30, unit: 'minutes', ...ofRun }],
    ['run_budget', { costMicros: '9', runBudgetMicros: '8' }, { used: 9, limit: 8, unit: 'micro-dollars', ...ofRun }],
    ['calls_at_once', { used: 2, atOnce: 2 }, { used: 2, limit: 2, unit: 'calls', ...atOnce }],
    ['calls_at_once', { used: 9, limit: 8, unit: 'bytes' }, { used: 9, limit: 8, unit: 'bytes', ...atOnce }],
  ] as const
  for (const [rule, facts, usage] of cases) expect([rule, usageOf(rule, facts, at)]).toMatchObject([rule, usage])
})

test('what is no limit, or recorded without its figures, has no usage', () => {
  for (const rule of [
    'grant_missing',
    'budget_exhausted',
    'run_turns',
    'run_budget',
    'run_deadline',
    'calls_at_once',
  ]) {
    expect(usageOf(rule, {}, at)).toBeNull()
  }
})
