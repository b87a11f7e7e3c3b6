import { expect, test } from 'vitest'
import { isDeeperThan } from '#lib/guardrails/rules/request-limits.ts'
import { RateLimits } from './rate-limits.ts'

function world(agentCallsPerSecond = 2) {
  const clock = { ms: 0 }
  return { clock, limits: new RateLimits({ agentCallsPerSecond, serverCallsPerSecond: 0 }, {}, () => clock.ms) }
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
