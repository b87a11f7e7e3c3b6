import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { canonicalJson, digestOf } from './canonical-json.ts'
import { formatMicros } from './money.ts'
import { createSecretBox, equalInConstantTime, hashToken, randomSecret } from './secret-box.ts'
import { agentSlug, reservedAgentIds, slug, slugify } from './slug.ts'

describe('canonical JSON', () => {
  test('the same value has one digest whatever the order of its keys', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (value) => {
        const reversed = Object.fromEntries(Object.entries(value).toReversed())
        expect(digestOf(reversed)).toBe(digestOf(value))
      }),
    )
  })

  test('it parses back to the value it was made from', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(JSON.parse(canonicalJson(value))).toEqual(JSON.parse(JSON.stringify(value)))
      }),
    )
  })

  test('what JSON cannot say is refused instead of silently dropped', () => {
    expect(() => canonicalJson(Number.NaN)).toThrow('canonical')
    expect(() => canonicalJson({ big: 1n })).toThrow('canonical')
  })
})

describe('money', () => {
  test.each([
    [0n, '$0.00'],
    [1_234_567n, '$1.23'],
    [1_235_000n, '$1.24'],
    [4_200n, '$0.0042'],
    [1_234_567_890_000n, '$1,234,567.89'],
    [-2_500_000n, '-$2.50'],
  ])('%s micro-dollars read %s', (micros, text) => expect(formatMicros(micros)).toBe(text))
})

describe('secret box', () => {
  const box = createSecretBox(Buffer.alloc(32, 7).toString('base64'))

  test('opens what it sealed, and only under the same context', () => {
    const sealed = box.seal('hunter2', 'upstream-credential:erp')
    expect(box.open(sealed, 'upstream-credential:erp')).toBe('hunter2')
    expect(() => box.open(sealed, 'upstream-credential:crm')).toThrow()
  })

  test('an altered ciphertext and another key are refused', () => {
    const sealed = box.seal('hunter2', 'a')
    const altered = sealed.with(sealed.length - 1, sealed.at(-1)! ^ 1)
    expect(() => box.open(altered, 'a')).toThrow()
    expect(() => createSecretBox(Buffer.alloc(32, 8).toString('base64')).open(sealed, 'a')).toThrow()
  })

  test('the ciphertext never holds the plaintext, and no two are alike', () => {
    const [first, second] = [box.seal('plaintext', 'a'), box.seal('plaintext', 'a')]
    expect(Buffer.from(first).includes('plaintext')).toBe(false)
    expect(Buffer.from(first).equals(Buffer.from(second))).toBe(false)
  })

  test('a key of the wrong length is refused at once', () => {
    expect(() => createSecretBox('c2hvcnQ=')).toThrow('32 bytes')
  })

  test('tokens are random, hashed to 64 hex digits and compared by value', () => {
    expect(randomSecret()).not.toBe(randomSecret())
    expect(hashToken('a')).toMatch(/^[0-9a-f]{64}$/)
    expect(equalInConstantTime('a', 'a')).toBe(true)
    expect(equalInConstantTime('a', 'ab')).toBe(false)
  })
})

describe('slugs', () => {
  test.each(['a1', 'invoice-reconciler-7', 'erp'])('%s is one', (text) =>
    expect(slug.safeParse(text).success).toBe(true),
  )
  test.each(['A', 'a', '-a', 'a-', 'a--b', '7up', 'a b', 'é', 'a'.repeat(64), "a';drop"])('%s is none', (text) =>
    expect(slug.safeParse(text).success).toBe(false),
  )

  test.each(reservedAgentIds)('no agent can be called %s, which an address of ours would hide', (id) => {
    expect(agentSlug.safeParse(id).error?.issues[0]?.message).toContain(`"${id}" is taken by an address`)
    expect(agentSlug.safeParse(`${id}-1`).success).toBe(true)
  })

  test('a made slug is valid or empty', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (name) => {
        const made = slugify(name)
        expect(made.length < 2 || slug.safeParse(made).success).toBe(true)
      }),
    )
  })
})
