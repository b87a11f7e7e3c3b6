import { describe, expect, test } from 'vitest'
import { checkAddress, isWanted, retryAfterMs, retryDelaysMs, settle, unknownPattern } from './rules.ts'

const now = new Date('2026-11-25T12:00:00Z')
const inMs = (ms: number) => new Date(now.getTime() + ms)

describe('which events an endpoint is told of', () => {
  test.each([
    [['agent.created'], 'agent.created', true],
    [['agent.created'], 'agent.retired', false],
    [['agent.*'], 'agent.retired', true],
    [['agent.*'], 'agents.retired', false],
    [['*'], 'stop.ordered', true],
    [['*'], 'mcp.call_denied', false],
    [['*'], 'registry.asked', false],
    [['registry.*'], 'registry.asked', true],
    [['*', 'mcp.call_denied'], 'mcp.call_denied', true],
  ])('%j and %s: %s', (patterns, event, wanted) => {
    expect(isWanted(patterns, event)).toBe(wanted)
  })

  test('a pattern that nothing fits is found', () => {
    expect(unknownPattern(['*', 'agent.*', 'agent.creatd'], ['agent.created'])).toBe('agent.creatd')
    expect(unknownPattern(['*', 'agent.*', 'agent.created'], ['agent.created'])).toBeUndefined()
  })
})

describe('what follows from an attempt', () => {
  test('success is any 2xx; a redirect is none', () => {
    expect(settle({ status: 204, retryAfterMs: null }, 1, now)).toEqual({ state: 'delivered' })
    expect(settle({ status: 302, retryAfterMs: null }, 1, now)).toMatchObject({ state: 'pending' })
  })

  test('each failure waits as the schedule says, then no more', () => {
    for (const [index, delay] of retryDelaysMs.entries()) {
      const settled = settle({ status: 500, retryAfterMs: null }, index + 1, now)
      expect(settled).toEqual({ state: 'pending', nextAttemptAt: inMs(delay) })
    }
    const last = settle({ status: null, retryAfterMs: null }, retryDelaysMs.length + 1, now)
    expect(last).toEqual({ state: 'failed', gone: false })
  })

  test('a receiver may ask for more time, for a day at most, and for an end', () => {
    expect(settle({ status: 429, retryAfterMs: 60_000 }, 1, now)).toEqual({
      state: 'pending',
      nextAttemptAt: inMs(60_000),
    })
    expect(settle({ status: 503, retryAfterMs: 1 }, 2, now)).toEqual({
      state: 'pending',
      nextAttemptAt: inMs(retryDelaysMs[1]!),
    })
    const long = settle({ status: 503, retryAfterMs: 1e12 }, 1, now)
    expect(long).toEqual({ state: 'pending', nextAttemptAt: inMs(86_400_000) })
    expect(settle({ status: 410, retryAfterMs: null }, 1, now)).toEqual({ state: 'failed', gone: true })
  })

  test('Retry-After is seconds or a date', () => {
    expect(retryAfterMs('120', now)).toBe(120_000)
    expect(retryAfterMs('Wed, 25 Nov 2026 12:01:00 GMT', now)).toBe(60_000)
    expect(retryAfterMs('Wed, 25 Nov 2026 11:00:00 GMT', now)).toBe(0)
    expect(retryAfterMs('soon', now)).toBeNull()
    expect(retryAfterMs(null, now)).toBeNull()
  })
})

test('only https leaves, except to hosts that may be inside', () => {
  expect(checkAddress('https://example.com/hook', []).ok).toBe(true)
  expect(checkAddress('http://example.com/hook', []).ok).toBe(false)
  expect(checkAddress('http://localhost:9000/hook', ['localhost']).ok).toBe(true)
})
