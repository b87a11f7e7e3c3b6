import { expect, test } from 'vitest'
import { readConditionLine, readRate, writeCondition } from './condition-words.ts'

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
  } as const
  for (const [line, condition] of Object.entries(lines)) {
    expect(read(line)).toEqual(condition)
    const written = writeCondition(structuredClone(condition) as never)
    expect(read(`${written.pointer} ${written.word} ${written.value}`)).toEqual(condition)
  }
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
