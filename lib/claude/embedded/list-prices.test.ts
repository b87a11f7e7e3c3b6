import { expect, test } from 'vitest'
import { listCostMicros, runtimeCostMicros, toCents } from './list-prices.ts'

const tokens = { input: 1_000_000, output: 100_000, cacheRead: 10_000, cacheWrite: 1_000 }

test('a request costs what the price list says, to the micro-dollar', () => {
  // 1 M x $2 + 0.1 M x $10 + 0.01 M x $0.10 + 0.001 M x $2.50
  expect(listCostMicros('claude-sonnet-5-5', tokens)).toBe(2_000_000n + 1_000_000n + 1_000n + 2_500n)
  expect(listCostMicros('claude-haiku-4-5-20251001', { input: 3, output: 0, cacheRead: 0, cacheWrite: 0 })).toBe(3n)
})

test('what has no price is not priced, and not free', () => {
  expect(listCostMicros('claude-unknown', tokens)).toBeNull()
  expect(listCostMicros('claude-haiku-5-5', { ...tokens, input: 99_000, cacheRead: 0 })).not.toBeNull()
  expect(listCostMicros('claude-haiku-5-5', { ...tokens, input: 99_001, cacheRead: 0 })).toBeNull()
})

test('an hour of running is eight cents', () => {
  expect(toCents(runtimeCostMicros(3_600_000n))).toBe(8n)
  expect(toCents(4_999n)).toBe(0n)
  expect(toCents(5_000n)).toBe(1n)
})
