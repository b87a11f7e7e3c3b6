import fc from 'fast-check'
import { expect, test } from 'vitest'
import { countBits, hasBit, setBits } from './bitmap.ts'
import { ValueBits } from './value-bits.ts'

const words = 8

test('values are counted as one counts them by one, whether few or many were found and whether there are few or many of them', () => {
  fc.assert(
    fc.property(
      fc.array(fc.nat(59), { maxLength: words * 32 }),
      fc.constantFrom(2, 5, 60),
      fc.array(fc.oneof(fc.constantFrom(0, 0xffffffff), fc.nat(0xffffffff)), { minLength: words, maxLength: words }),
      (owners, many, mask) => {
        const values = new ValueBits(words)
        const all = new Uint32Array(words)
        setBits(all, Uint32Array.from(owners.keys()))
        for (const [slot, owner] of owners.entries()) values.move('owner', slot, { to: `team-${owner % many}` })
        const found = all.map((word, at) => word & mask[at]!)
        const naive = new Map<string, number>()
        for (const [slot, owner] of owners.entries()) {
          const team = `team-${owner % many}`
          if (hasBit(found, slot)) naive.set(team, (naive.get(team) ?? 0) + 1)
        }
        const counted = values.counts('owner', { found, size: countBits(found) }).filter(([, count]) => count > 0)
        expect(new Map(counted)).toEqual(naive)
      },
    ),
    { numRuns: 300 },
  )
})
