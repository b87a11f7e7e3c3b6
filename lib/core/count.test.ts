import { expect, test } from 'vitest'
import { plural, times } from './count.ts'

test('one is told in the singular, everything else in the plural', () => {
  expect([0, 1, 2, 1200].map((count) => plural(count, 'day'))).toEqual(['0 days', '1 day', '2 days', '1,200 days'])
  expect([0, 1, 2].map(times)).toEqual(['0 times', 'once', '2 times'])
})
