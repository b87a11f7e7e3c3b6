import { describe, expect, test } from 'vitest'
import { kindOf } from './client.ts'
import { createRateLimiter } from './rate-limit.ts'

describe('the rate limiter', () => {
  test('lets the allowed number start at once and makes the next wait until the minute is over', async () => {
    let now = 0
    const limiter = createRateLimiter({ createsPerMinute: 2, othersPerMinute: 1, now: () => now, waitMsMax: 0 })
    await limiter.admit('create')
    now = 10_000
    await limiter.admit('create')
    await expect(limiter.admit('create')).rejects.toMatchObject({ code: 'rate_limited' })
    await limiter.admit('other')
    now = 60_000
    await limiter.admit('create')
    await expect(limiter.admit('create')).rejects.toMatchObject({ code: 'rate_limited' })
    now = 70_000
    await limiter.admit('create')
  })

  test('never lets more than the limit start in any minute, however they come', async () => {
    let now = 0
    const limiter = createRateLimiter({ createsPerMinute: 5, othersPerMinute: 5, now: () => now, waitMsMax: 0 })
    const starts: number[] = []
    for (; now < 300_000; now += 3_700) {
      await limiter.admit('other').then(
        () => starts.push(now),
        () => {},
      )
    }
    for (const start of starts) {
      expect(starts.filter((other) => other >= start && other < start + 60_000).length).toBeLessThanOrEqual(5)
    }
    expect(starts.length).toBeGreaterThanOrEqual(25)
  })

  test('a request that waits can be aborted', async () => {
    const limiter = createRateLimiter({ createsPerMinute: 1, othersPerMinute: 1 })
    await limiter.admit('create')
    const stop = new AbortController()
    const waiting = limiter.admit('create', stop.signal)
    stop.abort(new Error('not needed any more'))
    await expect(waiting).rejects.toThrow('not needed any more')
  })
})

test('creates are posts to a collection; everything else is not', () => {
  const url = (path: string) => `https://api.anthropic.com/v1/${path}?beta=true`
  for (const path of ['agents', 'sessions', 'environments', 'vaults', 'vaults/vlt_1/credentials']) {
    expect(kindOf(url(path), 'POST')).toBe('create')
    expect(kindOf(url(path), 'GET')).toBe('other')
  }
  for (const path of ['agents/agent_1', 'sessions/sesn_1/events', 'sessions/sesn_1/archive', 'vaults/vlt_1']) {
    expect(kindOf(url(path), 'POST')).toBe('other')
  }
})
