import { expect, test } from 'vitest'
import { clockText, secondsLeft, skewOf } from './time-left.ts'

const until = '2026-11-22T10:05:00Z'
const platform = Date.parse('2026-11-22T10:00:00Z')

test('the time left is by the clock of the platform, however wrong the one here is', () => {
  for (const wrongBy of [0, -7_200_000, 7_200_000, 86_400_000 * 400]) {
    const clock = platform + wrongBy
    const skewMs = skewOf({ now: new Date(platform).toISOString() }, clock)
    expect(secondsLeft(until, { clock, skewMs })).toBe(300)
    expect(secondsLeft(until, { clock: clock + 299_999, skewMs })).toBe(0)
    expect(secondsLeft(until, { clock: clock + 900_000, skewMs })).toBe(0)
  }
})

test('what an answer took on its way makes it less, never more', () => {
  const askedAt = platform - 400
  const skewMs = skewOf({ now: new Date(platform).toISOString() }, askedAt)
  expect(secondsLeft(until, { clock: platform, skewMs })).toBe(299)
})

test('seconds read as a clock', () => {
  expect([0, 59, 61, 3600, 86_399].map(clockText)).toEqual(['00:00', '00:59', '01:01', '1:00:00', '23:59:59'])
})
