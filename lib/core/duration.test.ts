import { expect, test } from 'vitest'
import { durationWords } from './duration.ts'

test.each([
  [0, '0 seconds'],
  [1, '1 second'],
  [10, '10 seconds'],
  [60, '1 minute'],
  [90, '90 seconds'],
  [900, '15 minutes'],
  [3600, '1 hour'],
  [5400, '90 minutes'],
  [3661, '3,661 seconds'],
  [86_400, '24 hours'],
])('%i seconds are told in the largest unit that leaves no rest: %s', (seconds, words) => {
  expect(durationWords(seconds)).toBe(words)
})
