import { expect, test } from 'vitest'
import { valueText } from './value-text.ts'

test('a budget is money, an instant says its zone, and nothing is a dash', () => {
  expect(valueText('200000000', 'monthly_budget')).toBe('$200.00')
  expect(valueText('200000000', 'name')).toBe('200000000')
  expect(valueText('2026-09-08T00:00:00.000Z')).toBe('2026-09-08 00:00:00 UTC')
  expect(valueText({})).toBe('none')
  expect(valueText([{ why: 'the tool is quarantined', tools: ['wipe'] }], 'unreached')).toBe(
    'wipe: the tool is quarantined',
  )
  expect(valueText([], 'unreached')).toBe('–')
  expect(valueText(null)).toBe('–')
})
