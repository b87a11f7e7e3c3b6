import { expect, test } from 'vitest'
import { monthName, relativeTime } from './time.ts'

const now = new Date('2026-11-26T12:00:00Z')
const inDays = (days: number) => relativeTime(new Date(now.getTime() + days * 86_400_000), now)

test('a day away is a word, whatever is further away is counted', () => {
  expect(inDays(-1)).toBe('yesterday')
  expect(inDays(1)).toBe('tomorrow')
  expect(inDays(13)).toBe('in 13 days')
  expect(inDays(45)).toBe('in 1 mo.')
  expect(inDays(-400)).toBe('1 yr. ago')
})

test('a month is named in UTC', () => {
  expect(monthName('2026-11')).toBe('November 2026')
})
