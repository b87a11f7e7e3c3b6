import { expect, test } from 'vitest'
import { cutText, storable, storableText } from './storable.ts'

test('what PostgreSQL refuses in a text is replaced, everything else stays', () => {
  expect(storableText('a\0b\uD83Dc\uDE00d 😀')).toBe('a\uFFFDb\uFFFDc\uFFFDd 😀')
})

test('a text is cut to its length, not through a pair of surrogates', () => {
  expect(cutText('ab😀', 3)).toBe('ab\uFFFD')
  expect(cutText('ab😀', 4)).toBe('ab😀')
})

test('a whole value is made storable: texts, lists, members and their names', () => {
  const at = new Date(0)
  expect(storable({ 'k\0': ['\uD800', { n: 1, t: true, none: null, left: undefined }], at })).toEqual({
    'k\uFFFD': ['\uFFFD', { n: 1, t: true, none: null, left: undefined }],
    at,
  })
})

test('what is nested without end is cut off, so that it can be written at all', () => {
  const deep: unknown = JSON.parse(`${'['.repeat(100_000)}${']'.repeat(100_000)}`)
  const text = JSON.stringify(storable({ deep, flat: [[1]] }))
  expect(text).toContain('nested too deeply')
  expect(text).toContain('"flat":[[1]]')
})
