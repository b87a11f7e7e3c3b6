import { expect, test } from 'vitest'
import { isDeeperThan } from '#lib/guardrails/rules/request-limits.ts'
import { RateLimits } from './rate-limits.ts'

function world(agentCallsPerSecond = 2, brokers = { live: 1 }) {
  const clock = { ms: 0 }
  const at = { brokers: () => brokers.live, now: () => clock.ms }
  return { clock, limits: new RateLimits({ agentCallsPerSecond, serverCallsPerSecond: 0 }, {}, at) }
}

test('an agent may be quick for a moment, then as often as its rate, and is told its usage', () => {
  const { limits, clock } = world()
  for (let i = 0; i < 8; i += 1) expect(limits.takeForAgent('a')).toBeNull()
  const facts = { scope: 'agent', callsPerSecond: 2, burst: 8, used: 8, retryAfterMs: 500 }
  expect(limits.takeForAgent('a')).toMatchObject({ rule: 'rate_limited', facts })
  expect(limits.takeForAgent('b')).toBeNull()
  clock.ms += 500
  expect(limits.takeForAgent('a')).toBeNull()
  expect(limits.takeForAgent('a')).not.toBeNull()
})

test('time off gives back no more than the bucket holds', () => {
  const { limits, clock } = world()
  limits.takeForAgent('a')
  clock.ms += 3_600_000
  const taken = Array.from({ length: 20 }, () => limits.takeForAgent('a')).filter((denial) => denial === null)
  expect(taken).toHaveLength(8)
})

test('brokers together take no more than the rate, and who is left takes the share of one that has gone', () => {
  const brokers = { live: 2 }
  const one = world(10, brokers)
  const two = world(10, brokers)
  const takenIn = (seconds: number, worlds: (typeof one)[]) => {
    let taken = 0
    for (let ms = 0; ms < seconds * 1000; ms += 10) {
      for (const { limits, clock } of worlds) {
        clock.ms += 10
        if (limits.takeForAgent('a') === null) taken += 1
      }
    }
    return taken
  }
  expect(takenIn(60, [one, two])).toBeGreaterThanOrEqual(60 * 10)
  expect(takenIn(60, [one, two])).toBeLessThanOrEqual(60 * 10 + 2)
  expect(one.limits.takeForAgent('a')).toMatchObject({
    message: expect.stringContaining('each of the 2 brokers takes an equal part'),
    facts: { callsPerSecond: 10, burst: 20, brokers: 2 },
  })
  brokers.live = 1
  expect(takenIn(60, [one])).toBeGreaterThanOrEqual(60 * 10 - 1)
})

test('a share so small that it is no whole call in a burst lets calls through all the same, as often as it says', () => {
  const { limits, clock } = world(1, { live: 20 })
  let taken = 0
  for (; clock.ms < 200_000; clock.ms += 1000) if (limits.takeForAgent('a') === null) taken += 1
  expect(taken).toBeGreaterThanOrEqual(8)
  expect(taken).toBeLessThanOrEqual(10)
})

test('a rate of 0 is no limit', () => {
  const { limits } = world(0)
  const refused = Array.from({ length: 1000 }, () => limits.takeForAgent('a') ?? limits.takeForServer('s'))
  expect(refused.filter((denial) => denial !== null)).toEqual([])
})

test('depth counts arrays and objects, and a value of any depth is looked at no deeper than asked', () => {
  const nested = (levels: number): unknown => (levels === 0 ? 1 : [{ a: nested(levels - 1) }])
  expect(isDeeperThan(nested(4), 8)).toBe(false)
  expect(isDeeperThan(nested(4), 7)).toBe(true)
  expect(isDeeperThan(JSON.parse('['.repeat(100_000) + ']'.repeat(100_000)), 64)).toBe(true)
})
