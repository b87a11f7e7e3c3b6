import { expect, test } from 'vitest'
import { comesBack, tidySighting } from './unregistered.ts'

const decidedAt = new Date('2026-11-20T12:00:00Z')
const later = (hours: number) => new Date(decidedAt.getTime() + hours * 3_600_000)
const dismissed = { state: 'dismissed' as const, decidedAt }

test.each([
  ['a dismissed caller that goes on at once', 'broker', 1, false, false],
  ['a dismissed caller that calls a day later', 'broker', 24, false, true],
  ['a dismissed subject that asks for a token a day later', 'token_endpoint', 25, false, true],
  ['a dismissed agent at Claude that only is there', 'claude', 999, false, false],
  ['a dismissed agent at Claude that did something', 'claude', 1, true, true],
  ['a dismissed finding that is imported again', 'import', 999, false, false],
] as const)('%s', (_, source, hours, acted, expected) => {
  expect(comesBack(dismissed, { source, at: later(hours), acted })).toBe(expected)
})

test('what was gone comes back, what is registered or waits already does not', () => {
  const seen = { source: 'claude', at: later(1), acted: true } as const
  expect(comesBack({ state: 'gone', decidedAt }, { ...seen, acted: false })).toBe(true)
  expect(comesBack({ state: 'adopted', decidedAt }, seen)).toBe(false)
  expect(comesBack({ state: 'open', decidedAt: null }, seen)).toBe(false)
})

test('what a caller claims is kept short, on one line, and hides nothing', () => {
  const tidy = tidySighting({
    source: 'broker',
    key: `a\0b\n${'x'.repeat(1000)}`,
    name: '\u202E\u200B',
    verified: false,
    detail: { issuer: 'https://a.test\uD800', empty: '', long: 'y'.repeat(1000) },
  })
  expect(tidy).toMatchObject({ name: 'without a name', detail: { issuer: 'https://a.test\uFFFD' } })
  expect([tidy.key.length, tidy.key.slice(0, 4), tidy.detail['long']?.length, 'empty' in tidy.detail]).toEqual([
    300,
    'a b ',
    500,
    false,
  ])
})
