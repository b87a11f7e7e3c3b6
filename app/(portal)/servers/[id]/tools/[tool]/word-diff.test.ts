import fc from 'fast-check'
import { expect, test } from 'vitest'
import { diffWords, partsOf } from './word-diff.ts'

const joined = (parts: { text: string }[]) => parts.map(({ text }) => text).join('')

test('both sides read as they were, and share what is not marked', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), fc.string({ unit: 'grapheme' }), (before, after) => {
      const parts = diffWords(before, after)
      expect([joined(parts.before), joined(parts.after)]).toEqual([before, after])
      const same = (side: { text: string; changed: boolean }[]) => joined(side.filter(({ changed }) => !changed))
      expect(same(parts.before)).toBe(same(parts.after))
    }),
  )
})

test('only the words that differ are marked', () => {
  expect(diffWords('Looks up an entry.', 'Looks up every entry.').after.filter(({ changed }) => changed)).toEqual([
    { text: 'every', changed: true },
  ])
})

test('a definition is taken apart by JSON pointers', () => {
  const parts = partsOf({ name: 'look', inputSchema: { required: ['a'], properties: {} } })
  expect([...parts]).toEqual([
    ['/name', 'look'],
    ['/inputSchema/required/0', 'a'],
    ['/inputSchema/properties', '{}'],
  ])
})
