import { beforeAll, expect, test } from 'vitest'
import { generateDpopKeyPair } from '@modelcontextprotocol/client'
import { exportJWK } from 'jose'
import { type Shown, tokenShown } from './credential.ts'

// What a server says that has a token with proof of possession.

const url = 'https://erp.example/mcp'
let shown: Shown

beforeAll(async () => {
  const { privateKey } = await generateDpopKeyPair({ alg: 'ES256', extractable: true })
  const dpopKey = await exportJWK(privateKey)
  shown = await tokenShown(url, { accessToken: 'an-access-token', expiresAt: null, scope: null, dpopKey }, [])
})

test('a proof does not come back, whatever it stands within', async () => {
  const proof = await shown.prover!.proof('POST')
  for (const [said, kept] of [
    [proof, '[redacted]'],
    [`"${proof}"`, '"[redacted]"'],
    [String.raw`line\n${proof}.`, String.raw`line\n[redacted].`],
    [`${proof}.${proof}.more`, '[redacted].[redacted].more'],
    [`1.2.${proof}`, '1.2.[redacted]'],
  ] as const) {
    expect(shown.redact(said)).toBe(kept)
  }
  const other = 'eyJhbGciOiJub25lIn0.eyJhIjoxfQ.c2ln and 1.2.3'
  expect(shown.redact(other)).toBe(other)
})

test('a text made of beginnings of proofs takes no more time than another as long', () => {
  const parts = 50_000
  const timeOf = (text: string): number => {
    const startedAt = performance.now()
    expect(shown.redact(text)).toBe(text)
    return performance.now() - startedAt
  }
  const fastest = (text: string) => Math.min(...[1, 2, 3].map(() => timeOf(text)))
  const words = fastest('eyJ '.repeat(parts))
  expect(fastest('eyJ'.repeat(parts))).toBeLessThan(100 * Math.max(words, 1))
})
