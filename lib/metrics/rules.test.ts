import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { dollarsToMicros, listPrices } from './list-prices.ts'
import { costOf, type PriceEntry, priceFor } from './rules.ts'

const book: PriceEntry[] = listPrices.map((entry, index) => ({
  id: String(index),
  model: entry.model,
  effectiveFrom: new Date(`${entry.from}T00:00:00Z`),
  maxPromptTokens: entry.maxPromptTokens ?? null,
  inputMicros: micros(entry.input),
  outputMicros: micros(entry.output),
  cacheReadMicros: micros(entry.cacheRead),
  cacheWrite5mMicros: micros(entry.cacheWrite5m),
  cacheWrite1hMicros: micros(entry.cacheWrite1h),
}))
const now = new Date('2026-11-22T12:00:00Z')
const none = { inputTokens: 0, outputTokens: 0, cacheReadTokens: 0, cacheWrite5mTokens: 0, cacheWrite1hTokens: 0 }

describe('priceFor', () => {
  test('a price holds from its date on, not before and not in hindsight', () => {
    const before = priceFor(book, {
      model: 'claude-sonnet-5-5',
      promptTokens: 1,
      at: new Date('2026-10-06T23:59:59.999Z'),
    })
    const after = priceFor(book, { model: 'claude-sonnet-5-5', promptTokens: 1, at: new Date('2026-10-07T00:00:00Z') })
    expect([before?.cacheReadMicros, after?.cacheReadMicros]).toEqual([200_000n, 100_000n])
  })

  test('the length of the prompt decides the tier, at the boundary too', () => {
    const at = (promptTokens: number) =>
      priceFor(book, { model: 'claude-haiku-5-5', promptTokens, at: now })?.inputMicros
    expect([at(1), at(100_000), at(100_001)]).toEqual([100_000n, 100_000n, 500_000n])
  })

  test('a dated model id has the price of its family; an unknown model and a time before the book have none', () => {
    expect(priceFor(book, { model: 'claude-haiku-4-5-20251001', promptTokens: 1, at: now })?.model).toBe(
      'claude-haiku-4-5',
    )
    expect(priceFor(book, { model: 'gpt-1', promptTokens: 1, at: now })).toBeNull()
    expect(priceFor(book, { model: 'claude-opus-5', promptTokens: 1, at: new Date('2025-12-31T23:59:59Z') })).toBeNull()
  })
})

describe('costOf', () => {
  const sonnet = priceFor(book, { model: 'claude-sonnet-5-5', promptTokens: 1, at: now })

  test('is exact to the micro-dollar', () => {
    const usage = {
      inputTokens: 12_345,
      outputTokens: 678,
      cacheReadTokens: 90_123,
      cacheWrite5mTokens: 4_567,
      cacheWrite1hTokens: 89,
    }
    // 12345×2 + 678×10 + 90123×0.1 + 4567×2.5 + 89×4 = 24690 + 6780 + 9012.3 + 11417.5 + 356 = 52255.8
    expect(costOf(usage, sonnet)).toBe(52_256n)
  })

  test('an unknown price of what was used is not priced; of what was not used it does not matter', () => {
    const long = priceFor(book, { model: 'claude-haiku-5-5', promptTokens: 200_000, at: now })
    expect(costOf({ ...none, inputTokens: 200_000 }, long)).toBe(100_000n)
    expect(costOf({ ...none, inputTokens: 200_000, cacheReadTokens: 1 }, long)).toBeNull()
    expect(costOf(none, null)).toBeNull()
    expect(costOf(none, long)).toBe(0n)
  })

  test('agrees with exact fractions for any usage', () => {
    const tokens = fc.nat(2_000_000)
    fc.assert(
      fc.property(fc.constantFrom(...book), tokens, tokens, tokens, (price, input, output, read) => {
        const usage = {
          ...none,
          inputTokens: input,
          outputTokens: output,
          cacheReadTokens: price.cacheReadMicros === null ? 0 : read,
        }
        const exact =
          BigInt(input) * price.inputMicros! +
          BigInt(output) * price.outputMicros! +
          BigInt(usage.cacheReadTokens) * (price.cacheReadMicros ?? 0n)
        const twiceOff = 2n * (costOf(usage, price)! * 1_000_000n - exact)
        expect(twiceOff).toBeGreaterThan(-1_000_001n)
        expect(twiceOff).toBeLessThanOrEqual(1_000_000n)
      }),
    )
  })
})

test('dollars become micro-dollars digit by digit', () => {
  expect(['12.5', '0.125', '8', '0.01'].map(dollarsToMicros)).toEqual([12_500_000n, 125_000n, 8_000_000n, 10_000n])
  expect(() => dollarsToMicros('1e3')).toThrow(/not an amount/)
})

function micros(dollars: string | undefined): bigint | null {
  return dollars === undefined ? null : dollarsToMicros(dollars)
}
