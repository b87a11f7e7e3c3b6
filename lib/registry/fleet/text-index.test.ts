import fc from 'fast-check'
import { expect, test } from 'vitest'
import { forEachBit } from './bitmap.ts'
import { TextIndex } from './text-index.ts'

const letters = fc.string({
  unit: fc.constantFrom('a', 'b', 'é', 'e\u0301', '7', '-', '!', ' ', '🙂', '"'),
  maxLength: 8,
})

test('a word is found in the texts that contain it, whatever signs it is made of, also after texts have changed', () => {
  fc.assert(
    fc.property(
      fc.array(letters, { maxLength: 40 }),
      fc.array(letters, { maxLength: 10 }),
      letters,
      (texts, later, word) => {
        const index = new TextIndex()
        texts.forEach((text, slot) => index.put(slot, text))
        expect(slotsWith(index, word)).toEqual(slotsOf(texts, word))
        const copy = index.copy()
        later.forEach((text, slot) => slot < texts.length && index.put(slot, text))
        const now = texts.map((text, slot) => later[slot] ?? text)
        expect(slotsWith(index, word)).toEqual(slotsOf(now, word))
        expect(slotsWith(copy, word)).toEqual(slotsOf(texts, word))
      },
    ),
    { numRuns: 1000 },
  )
})

function slotsWith(index: TextIndex, word: string): number[] {
  const found: number[] = []
  forEachBit(index.find(word, 2), (slot) => found.push(slot))
  return found
}

function slotsOf(texts: readonly string[], word: string): number[] {
  return texts.flatMap((text, slot) => (text.includes(word) ? [slot] : []))
}
