import { expect, test } from 'vitest'
import { Restarts } from './restarts.ts'

const limits = { backoffMs: 100, backoffMsMax: 1000, crashLoopFailures: 4, stableMs: 5000 }

test('waits twice as long after each failure in a row, up to the maximum, and says when it loops', () => {
  const restarts = new Restarts(limits)
  const seen = [1, 2, 3, 4, 5, 6].map(() => {
    restarts.failed(0)
    return [restarts.waitMs(0), restarts.loops]
  })
  expect(seen).toEqual([
    [100, false],
    [200, false],
    [400, false],
    [800, true],
    [1000, true],
    [1000, true],
  ])
  expect(restarts.waitMs(999)).toBe(1)
  expect(restarts.waitMs(1000)).toBe(0)
})

test('forgets failures only after it has run for long enough', () => {
  const restarts = new Restarts(limits)
  for (let at = 0; at < 4; at += 1) restarts.failed(0)
  restarts.ready(1000)
  restarts.failed(5999)
  expect(restarts.failures).toBe(5)
  restarts.ready(7000)
  restarts.failed(12_000)
  expect([restarts.failures, restarts.loops, restarts.waitMs(12_000), restarts.total]).toEqual([1, false, 100, 6])
})

test('being ended on purpose is no failure, and no time that it ran well', () => {
  const restarts = new Restarts(limits)
  restarts.failed(0)
  restarts.ready(10)
  restarts.stopped()
  restarts.settle(100_000)
  expect(restarts.failures).toBe(1)
})
