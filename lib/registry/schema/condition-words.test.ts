import fc from 'fast-check'
import { expect, test } from 'vitest'
import { readCondition, readConditionLine, readRate, writeCondition } from './condition-words.ts'
import { argumentCondition } from './conditions.ts'

const read = (line: string) => {
  const outcome = readConditionLine(line)
  return outcome.ok ? outcome.value : outcome.error
}

test('a condition is read as it is written, and written so that it reads the same', () => {
  const lines = {
    '/currency is EUR': { pointer: '/currency', equals: 'EUR' },
    '/n is 10': { pointer: '/n', equals: 10 },
    '/n is "10"': { pointer: '/n', equals: '10' },
    '/n is null': { pointer: '/n', equals: null },
    '/currency in EUR, USD': { pointer: '/currency', in: ['EUR', 'USD'] },
    '/n in [1, "a,b"]': { pointer: '/n', in: [1, 'a,b'] },
    '/path begins /reports/': { pointer: '/path', prefix: '/reports/' },
    '/amount between 0..100': { pointer: '/amount', range: { min: 0, max: 100 } },
    '/amount between ..100': { pointer: '/amount', range: { max: 100 } },
    '/amount between -1.5..': { pointer: '/amount', range: { min: -1.5 } },
    '/id matches INV-[0-9]+ x': { pointer: '/id', regex: 'INV-[0-9]+ x' },
    '/title begins "Team "': { pointer: '/title', prefix: 'Team ' },
    '/title matches " .*"': { pointer: '/title', regex: ' .*' },
    '/title begins "Team': { pointer: '/title', prefix: '"Team' },
    '"/first name" is Ada': { pointer: '/first name', equals: 'Ada' },
  } as const
  for (const [line, condition] of Object.entries(lines)) {
    expect(read(line)).toEqual(condition)
    const written = writeCondition(structuredClone(condition) as never)
    expect(read(`${written.pointer} ${written.word} ${written.value}`)).toEqual(condition)
  }
})

/** What trimming, JSON, lists and ranges have a meaning for, among any other text. */
const character = fc.oneof(
  fc.constantFrom(...' \u00a0\u2028\ufeff"\\[],.:/~*'.split(''), 'true', '10', '\\"'),
  fc.string({ unit: 'grapheme', minLength: 1, maxLength: 1 }),
)
const text = fc.array(character, { maxLength: 8 }).map((parts) => parts.join(''))
// JSON writes one zero.
const number = fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => value + 0)
const value = fc.oneof(text, number, fc.boolean(), fc.constant(null))
const range = fc.oneof(
  fc.record({ min: number }),
  fc.record({ max: number }),
  fc.tuple(number, number).map(([a, b]) => ({ min: Math.min(a, b), max: Math.max(a, b) })),
)
const says = fc.oneof(
  fc.record({ equals: value }),
  fc.record({ in: fc.array(value, { minLength: 1, maxLength: 4 }) }),
  fc.record({ prefix: text }),
  fc.record({ regex: text }),
  fc.record({ range }),
)
const anyCondition = fc
  .tuple(
    text.map((part) => `/${part.replaceAll(/~(?![01])/gu, '~0')}`),
    says,
  )
  .map(([pointer, said]) => argumentCondition.safeParse({ pointer, ...said }))
  .filter(({ success }) => success)
  .map(({ data }) => data!)

test('a form that begins with a condition gives back that condition, whatever it is', () => {
  fc.assert(
    fc.property(anyCondition, (condition) => {
      const written = writeCondition(condition)
      expect(readCondition(written)).toEqual({ ok: true, value: condition })
      expect(read(`${written.pointer} ${written.word} ${written.value}`)).toEqual(condition)
    }),
  )
})

test('what is no condition says how one is written', () => {
  expect(read('amount is 1')).toContain('/argument is|in')
  expect(read('/amount equals 1')).toContain('/argument is|in')
  expect(read('/amount between 1')).toContain('0..100')
  expect(read('/amount between b..a')).toContain('0..100')
  expect(read('/a~x is 1')).toContain('RFC 6901')
  expect(readRate('10/minute')).toEqual({ ok: true, value: { calls: 10, per: 'minute' } })
  expect(readRate('0/minute').ok).toBe(false)
  expect(readRate('10/day').ok).toBe(false)
})
