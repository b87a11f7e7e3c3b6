import { expect, test } from 'vitest'
import { dueTime } from './schedules.ts'

const at = (time: string) => new Date(`2026-11-22T${time}Z`)

test.each([
  ['0 6 * * *', '05:59:59.999', null],
  ['0 6 * * *', '06:00:00.000', '06:00:00'],
  ['0 6 * * *', '06:01:29.000', '06:00:00'],
  ['0 6 * * *', '06:01:31.000', null],
  ['*/5 * * * *', '12:34:59.000', null],
  ['*/5 * * * *', '12:35:00.500', '12:35:00'],
  ['0 0 31 2 *', '12:00:00.000', null],
])('%s at %s is due for %s: what is missed is not made up for', (schedule, now, due) => {
  expect(dueTime(schedule, at(now))?.toISOString() ?? null).toBe(due && at(due).toISOString())
})

test('a schedule is in UTC, whatever the machine is set to, and has five fields', () => {
  expect(() => dueTime('0 0 6 * * *', at('06:00:00'))).toThrow()
})
