import { expect, test } from 'vitest'
import { instant, timeText } from './instant.ts'

test('a time is one that the database can hold, in either form', () => {
  expect(timeText({ offset: true }).parse('2026-11-20T08:00:00+01:00')).toBe('2026-11-20T08:00:00+01:00')
  expect(instant.parse('2026-11-20')).toEqual(new Date('2026-11-20T00:00:00Z'))
  expect(instant.parse(new Date(5))).toEqual(new Date(5))
  for (const text of ['0000-01-01T00:00:00Z', '0001-01-01T00:00:00Z', '9999-12-31T23:59:59Z', '2026-02-30T00:00:00Z']) {
    expect([text, timeText().safeParse(text).success, instant.safeParse(text).success]).toEqual([text, false, false])
  }
  for (const value of [7, true, null, '', '7', '+275760-09-13T00:00:00Z', new Date(NaN)]) {
    expect([value, instant.safeParse(value).success]).toEqual([value, false])
  }
})
