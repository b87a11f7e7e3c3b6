import { expect, test } from 'vitest'
import { diffLines, jsonText } from './json-text.ts'

test('what nobody sees is written as an escape', () => {
  expect(jsonText({ a: 'x\u202ey\u200bz' })).toBe('{\n  "a": "x\\u202ey\\u200bz"\n}')
  expect(jsonText({ a: '\u{e0041}' })).toContain('\\udb40\\udc41')
})

test('a diff keeps what both have and shows what goes and comes', () => {
  const signs = (before: string, after: string) => diffLines(before, after).map(({ sign, text }) => sign + text)
  expect(signs('a\nb\nc', 'a\nx\nc')).toEqual([' a', '-b', '+x', ' c'])
  expect(signs('a', 'a')).toEqual([' a'])
  expect(signs('a\nb', 'b')).toEqual(['-a', ' b'])
})
