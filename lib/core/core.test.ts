import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { canonicalJson, digestOf } from './canonical-json.ts'
import { exactDollars, formatMicros, parseDollars } from './money.ts'
import { encrypt } from './envelope.ts'
import { KeyUnavailable, localKeyWrapper } from './key-wrapper.ts'
import {
  createKeyringBox,
  createSecretBox,
  equalInConstantTime,
  hashToken,
  keyIdOf,
  randomSecret,
} from './secret-box.ts'
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

  test('what is typed in is read and shown digit by digit', () => {
    for (const text of ['0.01', '0.000001', '0.125', '2.50', '9999.00', '0.00']) {
      expect(exactDollars(parseDollars(text)!)).toBe(text)
    }
    expect(parseDollars(' 3 ')).toBe(3_000_000n)
    expect(['1e3', '-1', '', '0.0000001', '.5', '1,5'].map(parseDollars)).toEqual(Array(6).fill(null))
  })
})

describe('secret box', () => {
  const box = createSecretBox(Buffer.alloc(32, 7).toString('base64'))

  test('opens what it sealed, and only under the same context', async () => {
    const sealed = await box.seal('hunter2', 'upstream-credential:erp')
    expect(await box.open(sealed, 'upstream-credential:erp')).toBe('hunter2')
    await expect(box.open(sealed, 'upstream-credential:crm')).rejects.toThrow()
  })

  test('an altered ciphertext and another key are refused', async () => {
    const sealed = await box.seal('hunter2', 'a')
    for (let at = 0; at < sealed.length; at += 1) {
      await expect(box.open(sealed.with(at, sealed[at]! ^ 1), 'a')).rejects.toThrow()
    }
    await expect(createSecretBox(Buffer.alloc(32, 8).toString('base64')).open(sealed, 'a')).rejects.toThrow()
  })

  test('the ciphertext never holds the plaintext, and no two are alike', async () => {
    const [first, second] = [await box.seal('plaintext', 'a'), await box.seal('plaintext', 'a')]
    expect(Buffer.from(first).includes('plaintext')).toBe(false)
    expect(Buffer.from(first).equals(Buffer.from(second))).toBe(false)
  })

  test('what was sealed by the key itself, before there were data keys, still opens, and gets one when wrapped anew', async () => {
    const direct = encrypt(Buffer.from('hunter2'), Buffer.alloc(32, 7), 'a')
    expect(await box.open(direct, 'a')).toBe('hunter2')
    await expect(box.open(direct, 'b')).rejects.toThrow()
    const wrapped = await box.rewrap(direct, 'a')
    expect(keyIdOf(wrapped!)).toMatch(/^environment:[0-9a-f]{12}$/)
    expect(await box.open(wrapped!, 'a')).toBe('hunter2')
    expect(await box.rewrap(wrapped!, 'a')).toBeNull()
  })

  test('an outage of the key’s service ends what was opened after a bounded time, and what was not at once', async () => {
    let now = 0
    let out = false
    const local = localKeyWrapper(Buffer.alloc(32, 7).toString('base64'))
    const unwrap = async (wrapped: Uint8Array) => {
      if (out) throw new KeyUnavailable('out')
      return local.unwrap(wrapped)
    }
    const remote = createKeyringBox({ wrappers: [{ ...local, unwrap }], freshMs: 10, usableMs: 100, clock: () => now })
    const [used, unused] = [await remote.seal('used', 'a'), await remote.seal('unused', 'a')]
    expect(await remote.open(used, 'a')).toBe('used')
    out = true
    now = 99
    expect(await remote.open(used, 'a')).toBe('used')
    await expect(remote.open(unused, 'a')).rejects.toBeInstanceOf(KeyUnavailable)
    now = 100
    await expect(remote.open(used, 'a')).rejects.toBeInstanceOf(KeyUnavailable)
    out = false
    expect(await remote.open(used, 'a')).toBe('used')
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
