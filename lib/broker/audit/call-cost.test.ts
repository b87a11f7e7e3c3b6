import { expect, test } from 'vitest'
import type { RuleId } from '#lib/guardrails/schema.ts'
import { callCost } from './call-cost.ts'
import type { CallOutcome } from './records.ts'

const tool = { serverId: 'search', name: 'web_search', class: 'read', state: 'approved' } as const

function billed(outcome: CallOutcome, { rule = null as RuleId | null, sent = true } = {}): string | undefined {
  const denial = rule && { rule, message: '' }
  return callCost({ ...tool, listUnitPriceMicros: '10000' }, { outcome, denial, sent })?.billedCostMicros
}

test('what a server answered, and what it began, costs its price', () => {
  for (const outcome of ['ok', 'tool_error', 'streamed', 'task', 'cut_off'] as const) {
    expect([outcome, billed(outcome)]).toEqual([outcome, '10000'])
  }
  // What a guard keeps here was delivered all the same.
  expect(billed('ok', { rule: 'result_marked' })).toBe('10000')
})

test('what a server failed costs nothing, what the broker did not wait for does once it has left', () => {
  expect(billed('upstream_error')).toBe('0')
  expect(billed('upstream_error', { rule: 'upstream_unavailable' })).toBe('0')
  expect(billed('upstream_error', { rule: 'session_ended' })).toBe('0')
  for (const rule of ['upstream_deadline', 'result_too_large', 'result_too_deep'] as const) {
    expect([rule, billed('upstream_error', { rule })]).toEqual([rule, '10000'])
  }
  expect(billed('upstream_error', { rule: 'upstream_deadline', sent: false })).toBe('0')
  expect(billed('aborted')).toBe('10000')
  expect(billed('aborted', { rule: 'killed' })).toBe('10000')
  expect(billed('aborted', { sent: false })).toBe('0')
})

test('a part of a call costs nothing, and a tool without a price is not mentioned', () => {
  expect(billed('input_required')).toBe('0')
  expect(billed('asked')).toBe('0')
  for (const listUnitPriceMicros of [undefined, null, '0']) {
    expect(
      callCost({ ...tool, listUnitPriceMicros: listUnitPriceMicros! }, { outcome: 'ok', denial: null, sent: true }),
    ).toBeNull()
  }
})
