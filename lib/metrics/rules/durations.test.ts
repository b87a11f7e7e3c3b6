import { expect, test } from 'vitest'
import { durationBoundsMs, durationQuantile } from './durations.ts'

const buckets = (counts: Partial<Record<number, number>>) =>
  [...durationBoundsMs, Infinity].map((_, index) => counts[index] ?? 0)

test('a quantile lies within the bounds of the bucket that holds its rank', () => {
  expect(durationQuantile(buckets({}), 0.5)).toBeNull()
  expect(durationQuantile(buckets({ 0: 10 }), 0.5)).toBe(5)
  expect(durationQuantile(buckets({ 1: 50, 5: 50 }), 0.5)).toBe(25)
  expect(durationQuantile(buckets({ 1: 50, 5: 50 }), 0.95)).toBe(250 + 250 * 0.9)
})

test('what took longer than the last bound is told as that bound', () => {
  expect(durationQuantile(buckets({ 11: 3 }), 0.95)).toBe(60_000)
})
