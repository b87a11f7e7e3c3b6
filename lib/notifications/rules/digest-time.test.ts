import { expect, test } from 'vitest'
import { isTimeZone, lastDigest } from './digest-time.ts'

const berlin = { timeZone: 'Europe/Berlin', hour: 8, weekday: 1 }
const at = (iso: string) => new Date(iso)
const last = (cadence: 'daily' | 'weekly', time: typeof berlin, now: string) => {
  const { period, until } = lastDigest(cadence, time, at(now))
  return [period, until.toISOString()]
}

test('a daily digest comes at the hour where the person is, also when the clocks change', () => {
  expect(last('daily', berlin, '2026-10-24T06:00:00Z')).toEqual(['2026-10-24', '2026-10-24T06:00:00.000Z'])
  expect(last('daily', berlin, '2026-10-25T06:59:59Z')).toEqual(['2026-10-24', '2026-10-24T06:00:00.000Z'])
  // The clocks went back in the night: eight is an hour later in UTC.
  expect(last('daily', berlin, '2026-10-25T07:00:00Z')).toEqual(['2026-10-25', '2026-10-25T07:00:00.000Z'])
  expect(last('daily', berlin, '2026-03-29T06:00:00Z')).toEqual(['2026-03-29', '2026-03-29T06:00:00.000Z'])
})

test('an hour that the clocks leave out comes when they have gone on, one that they repeat comes once', () => {
  const atTwo = { ...berlin, hour: 2 }
  expect(last('daily', atTwo, '2026-03-29T01:00:00Z')).toEqual(['2026-03-29', '2026-03-29T01:00:00.000Z'])
  expect(last('daily', atTwo, '2026-10-25T00:00:00Z')).toEqual(['2026-10-25', '2026-10-25T00:00:00.000Z'])
  expect(last('daily', atTwo, '2026-10-25T01:30:00Z')).toEqual(['2026-10-25', '2026-10-25T00:00:00.000Z'])
})

test('a weekly digest comes on its day of the week there', () => {
  const auckland = { timeZone: 'Pacific/Auckland', hour: 7, weekday: 1 }
  // Monday the 30th at seven in Auckland is Sunday evening in UTC.
  expect(last('weekly', auckland, '2026-11-29T18:00:00Z')).toEqual(['2026-11-30', '2026-11-29T18:00:00.000Z'])
  expect(last('weekly', auckland, '2026-11-29T17:59:59Z')).toEqual(['2026-11-23', '2026-11-22T18:00:00.000Z'])
})

test('a time zone is known by its name', () => {
  expect(['UTC', 'Europe/Berlin', 'Mars/Olympus', ''].map(isTimeZone)).toEqual([true, true, false, false])
})
