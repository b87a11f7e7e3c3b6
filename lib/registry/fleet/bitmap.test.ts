import fc from 'fast-check'
import { expect, test } from 'vitest'
import { countBits, countBoth, forEachBit } from './bitmap.ts'

const word = fc.oneof(fc.integer({ min: 0, max: 0xffffffff }), fc.constantFrom(0, 0xffffffff, 0x80000000))

test('slots are counted as one counts them by one, whatever the length', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(word, word), { maxLength: 200 }), (pairs) => {
      const [a, b] = [0, 1].map((of) => Uint32Array.from(pairs, (pair) => pair[of]!)) as [Uint32Array, Uint32Array]
      const both = a.map((each, at) => each & b[at]!)
      let count = 0
      forEachBit(both, () => (count += 1))
      expect([countBoth(a, b), countBits(both)]).toEqual([count, count])
    }),
  )
})

test('a bitmap of ones alone is counted whole', () => {
  for (const length of [29, 30, 31, 61, 3125]) {
    expect(countBits(new Uint32Array(length).fill(0xffffffff))).toBe(length * 32)
  }
})
