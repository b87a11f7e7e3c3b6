import fc from 'fast-check'
import { expect, test } from 'vitest'
import { lineDiff } from './line-diff.ts'

test('a changed line is shown with what is around it, and far lines are left out', () => {
  const before = ['a', 'b', 'c', 'd', 'e', 'f', 'g']
  const after = before.map((line) => (line === 'd' ? 'D' : line))
  expect(lineDiff(before.join('\n'), after.join('\n'))).toEqual(['  b', '  c', '- d', '+ D', '  e', '  f', '  …'])
})

test('from its lines both texts can be put together again', () => {
  const text = fc.array(fc.constantFrom('a', 'b', 'c'), { maxLength: 4 }).map((lines) => lines.join('\n'))
  fc.assert(
    fc.property(text, text, (before, after) => {
      fc.pre(before !== after)
      const lines = lineDiff(before, after)
      fc.pre(!lines.includes('  …'))
      const side = (sign: string) =>
        lines.filter((line) => line.startsWith(sign) || line.startsWith(' ')).map((line) => line.slice(2))
      const whole = before.split('\n').length <= side('-').length && after.split('\n').length <= side('+').length
      fc.pre(whole)
      expect([side('-').join('\n'), side('+').join('\n')]).toEqual([before, after])
    }),
  )
})
