import { expect, test } from 'vitest'
import { clockOf, toldBy } from './clock.ts'

const at = (hours: number) => new Date(Date.UTC(2026, 10, 22, 10) + hours * 3_600_000)

test('the rule says how long, and after which part of it those who are asked are reminded', () => {
  expect(clockOf({ dueHours: 8, remindPercent: 75 }, at(0))).toEqual({ dueAt: at(8), remindAt: at(6) })
  expect(clockOf({ dueHours: 1, remindPercent: 10 }, at(0))).toEqual({ dueAt: at(1), remindAt: at(0.1) })
})

test('of a time that holds no more what was told counts no more, as far as the new one is to come', () => {
  const told = { remindedAt: at(6), overdueToldAt: at(8), escalations: 2 }
  const clock = { dueAt: at(24), remindAt: at(18) }
  expect(toldBy(clock, told, at(9))).toEqual({ remindedAt: null, overdueToldAt: null, escalations: 0 })
  expect(toldBy(clock, told, at(18))).toEqual({ remindedAt: at(6), overdueToldAt: null, escalations: 0 })
  expect(toldBy(clock, told, at(24))).toEqual(told)
})
