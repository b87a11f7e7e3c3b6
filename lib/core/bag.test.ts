import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Bag } from './bag.ts'

test('holds what was added and not taken out, whatever the order', () => {
  fc.assert(
    fc.property(fc.array(fc.nat({ max: 9 })), (steps) => {
      const bag = new Bag<number>()
      const inside = new Map<number, ReturnType<Bag<number>['add']>>()
      for (const [at, step] of steps.entries()) {
        const [value, place] = [...inside][step] ?? []
        if (place === undefined) inside.set(at, bag.add(at))
        else {
          expect(bag.has(place)).toBe(true)
          expect(bag.remove(place)).toBe(true)
          expect(bag.has(place)).toBe(false)
          expect(bag.remove(place)).toBe(false)
          inside.delete(value!)
        }
        expect(bag.size).toBe(inside.size)
        expect(bag.values().toSorted((a, b) => a - b)).toEqual([...inside.keys()])
      }
    }),
  )
})

test('what goes while all are looked at is still looked at, and takes no other one out', () => {
  const bag = new Bag<string>()
  const places = ['a', 'b', 'c'].map((value) => bag.add(value))
  const seen = bag.values().map((value) => {
    bag.remove(places[0]!)
    return value
  })
  expect(seen.toSorted()).toEqual(['a', 'b', 'c'])
  expect(bag.values().toSorted()).toEqual(['b', 'c'])
})
