import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { exportJWK, generateKeyPair, jwtVerify, SignJWT } from 'jose'
import { expect, test as plain } from 'vitest'
import { startIssuer } from '#lib/dev/test/trusted-issuer.ts'
import { JwksSource } from './jwks-source.ts'

const minute = 60_000

const test = plain
  .extend('issuer', async ({}, { onCleanup }) => {
    const issuer = await startIssuer()
    onCleanup(() => issuer.stop())
    return issuer
  })
  .extend('clock', () => ({ ms: 0 }))

async function verifies(source: JwksSource, token: string): Promise<boolean | string> {
  try {
    await jwtVerify(token, (header, jws) => source.keyFor(header, jws))
    return true
  } catch (error) {
    return error instanceof Error ? error.name : 'unknown'
  }
}

test('many at once share one read, and later ones need none', async ({ issuer, clock }) => {
  const source = new JwksSource(issuer.jwks, () => clock.ms)
  const token = await issuer.sign({ sub: 'x' })
  expect(await Promise.all(Array.from({ length: 20 }, () => verifies(source, token)))).toEqual(Array(20).fill(true))
  clock.ms += 9 * minute
  expect(await verifies(source, token)).toBe(true)
  expect(issuer.reads).toBe(1)
})

test('a key that was added is found by the first token that names it', async ({ issuer, clock }) => {
  const source = new JwksSource(issuer.jwks, () => clock.ms)
  const old = await issuer.sign({ sub: 'x' })
  expect(await verifies(source, old)).toBe(true)
  await issuer.rotate()
  clock.ms += 31_000
  expect(await verifies(source, await issuer.sign({ sub: 'x' }))).toBe(true)
  expect(await verifies(source, old)).toBe(true)
  expect(issuer.reads).toBe(2)
})

test('unknown keys cost one read a cool-down, however many come', async ({ issuer, clock }) => {
  const source = new JwksSource(issuer.jwks, () => clock.ms)
  const good = await issuer.sign({ sub: 'x' })
  const strange = await issuer.sign({ sub: 'x' }, { kid: 'strange' })
  expect(await verifies(source, good)).toBe(true)
  clock.ms += 31_000
  const outcomes = await Promise.all(Array.from({ length: 50 }, () => verifies(source, strange)))
  expect(new Set(outcomes)).toEqual(new Set(['JWKSNoMatchingKey']))
  expect(issuer.reads).toBe(2)
  clock.ms += 29_000
  await verifies(source, strange)
  expect(issuer.reads).toBe(2)
  clock.ms += 2_000
  await verifies(source, strange)
  expect(issuer.reads).toBe(3)
  expect(await verifies(source, good)).toBe(true)
})

test('a key that was withdrawn is trusted for ten minutes at most', async ({ issuer, clock }) => {
  const source = new JwksSource(issuer.jwks, () => clock.ms)
  const old = await issuer.sign({ sub: 'x' })
  expect(await verifies(source, old)).toBe(true)
  await issuer.rotate({ withdraw: true })
  clock.ms += 10 * minute + 1
  expect(await verifies(source, old)).toBe('JWKSNoMatchingKey')
})

test('while the issuer fails, its last keys go on for an hour, and it is asked once a cool-down', async ({
  issuer,
  clock,
}) => {
  const source = new JwksSource(issuer.jwks, () => clock.ms)
  const token = await issuer.sign({ sub: 'x' })
  expect(await verifies(source, token)).toBe(true)
  issuer.failing = 'nonsense'
  clock.ms += 30 * minute
  for (let tries = 0; tries < 5; tries += 1) expect(await verifies(source, token)).toBe(true)
  expect(issuer.reads).toBe(2)
  clock.ms += 31 * minute
  expect(await verifies(source, token)).toBe('JwksUnavailable')
  issuer.failing = null
  clock.ms += minute
  expect(await verifies(source, token)).toBe(true)
})

test('keys may be in a file, and a shared secret in it verifies nothing', async ({ clock }) => {
  const folder = await mkdtemp(join(tmpdir(), 'jwks-'))
  const file = join(folder, 'keys.json')
  const { privateKey, publicKey } = await generateKeyPair('EdDSA')
  const secret = Buffer.from('a secret that is long enough for it')
  const shared = { kty: 'oct', k: secret.toString('base64url'), kid: 'shared' }
  await writeFile(file, JSON.stringify({ keys: [{ ...(await exportJWK(publicKey)), kid: 'one' }, shared] }))
  const source = new JwksSource(file, () => clock.ms)
  const signed = (alg: string, kid: string, key: CryptoKey | Uint8Array) =>
    new SignJWT({ sub: 'x' }).setProtectedHeader({ alg, kid }).sign(key)
  expect(await verifies(source, await signed('EdDSA', 'one', privateKey))).toBe(true)
  expect(await verifies(source, await signed('HS256', 'shared', secret))).not.toBe(true)
  await rm(folder, { recursive: true })
})
