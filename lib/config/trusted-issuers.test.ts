import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test as plain } from 'vitest'
import { ConfigError } from './shared.ts'
import { readTrustedIssuers } from './trusted-issuers.ts'

const test = plain.extend('read', async ({}, { onCleanup }) => {
  const folder = await mkdtemp(join(tmpdir(), 'issuers-'))
  onCleanup(() => rm(folder, { recursive: true }))
  return async (text: string) => {
    const path = join(folder, 'issuers.yaml')
    await writeFile(path, text)
    return readTrustedIssuers(path).map((entry) => ({ ...entry, jwks: entry.jwks.replace(folder, '') }))
  }
})

test('the example of the documentation is read, with its defaults and files beside it', async ({ read }) => {
  const issuers = await read(`
    - use: identity-assertions
      issuer: https://idp.example.com
      jwks: https://idp.example.com/keys
      agents: [{ agent: invoice-reconciler-7, subject: 00u1a2b3 }]
    - use: claude-sessions
      issuer: https://claude.internal.example
      jwks: ./claude-keys.json`)
  expect(issuers).toMatchObject([
    { use: 'identity-assertions', jwks: 'https://idp.example.com/keys' },
    { jwks: '/claude-keys.json', claims: { agent: 'agent_id', version: 'agent_version', session: 'session_id' } },
  ])
  expect(readTrustedIssuers(undefined)).toEqual([])
})

test('everything that is wrong with it is named, and nothing is trusted by mistake', async ({ read }) => {
  const idp = (change: string) =>
    `[{ use: identity-assertions, issuer: "https://idp.test", jwks: keys.json, ${change} }]`
  const bad: [string, RegExp][] = [
    [idp('agents: [{ agent: a }]'), /would let everybody in/],
    [idp('agents: []'), /agents/],
    [idp('agents: [{ agent: a, subject: s, role: admin }]'), /role/],
    [idp('agents: [{ agent: a, subject: s }]').replace('keys.json', '"http://idp.test/keys"'), /plain http/],
    [idp('agents: [{ agent: a, subject: s }]').replace('"https://idp.test"', 'idp'), /iss claim/],
    ['[{ use: claude-sessions, issuer: "https://c.test", jwks: keys.json, server: c.test }]', /address of the Claude/],
    ['[{ use: anything, issuer: "https://idp.test", jwks: keys.json }]', /use/],
    ['- use: claude-sessions\n  issuer: [', /WHEELHOUSE_TRUSTED_ISSUERS/],
    ['just text', /WHEELHOUSE_TRUSTED_ISSUERS/],
  ]
  for (const [text, words] of bad) {
    const failure = await read(text).then(
      () => 'read',
      (error: unknown) => error,
    )
    expect({ text, failure }).toMatchObject({ text, failure: expect.any(ConfigError) })
    expect((failure as ConfigError).message).toMatch(words)
  }
  const twice = '{ use: claude-sessions, issuer: "https://c.test", jwks: keys.json }'
  await expect(read(`[${twice}, ${twice}]`)).rejects.toThrow(/twice/)
  expect(() => readTrustedIssuers('/nowhere/issuers.yaml')).toThrow(/cannot be read/)
})
