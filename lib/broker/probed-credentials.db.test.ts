import { toNodeHandler } from '@modelcontextprotocol/node'
import { createMcpHandler } from '@modelcontextprotocol/server'
import { exportJWK, exportPKCS8, generateKeyPair } from 'jose'
import { afterEach, expect } from 'vitest'
import { systemActor } from '#lib/auth/ctx.ts'
import type { Db } from '#lib/db/client.ts'
import { testAuthority } from '#lib/dev/test/certificates.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { ctxFor, makePerson } from '#lib/dev/test/fleet.ts'
import { requestServerProbe, runServerProbe } from '#lib/registry/commands.ts'
import { getServerProbe } from '#lib/registry/queries.ts'
import type { RequestServerProbeInput } from '#lib/registry/schema/probes.ts'
import { namedIssuer, provenClientToken } from '#lib/upstreams/commands.ts'
import { echo, protectedServer, secretBox, servedOverTls, stopAll } from './testing/credential-world.ts'

afterEach(stopAll)

type Credential = NonNullable<RequestServerProbeInput['credential']>

async function probe(db: Db, url: string, credential?: Credential) {
  const ctx = ctxFor(db, await makePerson(db, { roles: ['security'] }))
  const input = { url, ...(credential && { credential }) }
  const { probeId } = await requestServerProbe(ctx, { input, secretBox })
  const worker = { db, actor: systemActor('worker'), now: new Date() }
  const parts = { programs: null, clientToken: provenClientToken, namedIssuer, allowLinkLocal: false }
  await runServerProbe(worker, { probeId, secretBox, ...parts })
  const row = await db.serverProbe.findUniqueOrThrow({ where: { id: probeId } })
  expect(row.ciphertext).toBeNull()
  const { report } = await getServerProbe(ctx, probeId)
  return {
    report: report!,
    noteOf: Object.fromEntries(report!.findings.map(({ kind, note }) => [kind, note])),
    kept: JSON.stringify([row.report, row.credentialSettings, await db.auditEvent.findMany()], (_, value: unknown) =>
      typeof value === 'bigint' ? String(value) : value,
    ),
  }
}

const registered = { grant_types: ['client_credentials'], redirect_uris: [], response_types: [] } as const
const clientSecret = 'a-client-secret-that-is-long-enough'
const bySecret = { kind: 'oauth_client', clientId: 'wheelhouse', method: 'client_secret_basic', clientSecret } as const

for (const proof of [undefined, 'any', 'nonce'] as const) {
  dbTest(`an OAuth client is tried at a protected server (proof of possession: ${proof ?? 'none'})`, async ({ db }) => {
    const client = { ...registered, client_id: 'wheelhouse', client_secret: clientSecret }
    // Its tools say back what it was sent.
    const says = (authorization: string) => `It was sent ${authorization}`
    const upstream = await protectedServer({ clients: [client], says, ...(proof && { proof }) })
    const bare = await probe(db, upstream.url)
    expect(bare.noteOf['needs_credential']).toContain('resource_metadata')
    expect(bare.noteOf).not.toHaveProperty('no_authentication')
    const { report, noteOf, kept } = await probe(db, upstream.url, { ...bySecret, issuer: upstream.issuer })
    expect(noteOf).toMatchObject({ credential_works: 'sent as a token of its authorization server' })
    expect(noteOf).not.toHaveProperty('credential_refused')
    expect(report.tools).toMatchObject([{ name: 'echo', class: 'read', description: expect.stringContaining('[redacted]') }]) // prettier-ignore
    expect(upstream.tokens.length).toBeGreaterThan(0)
    for (const secret of [clientSecret, ...upstream.tokens]) expect(kept).not.toContain(secret)
  })
}

dbTest(
  'an OAuth client that proves itself with a key is tried, and a wrong secret is refused by its code',
  async ({ db }) => {
    const { privateKey, publicKey } = await generateKeyPair('ES256', { extractable: true })
    const pem = await exportPKCS8(privateKey)
    const upstream = await protectedServer({
      clients: [
        { ...registered, client_id: 'wheelhouse', client_secret: clientSecret },
        {
          ...registered,
          client_id: 'by-key',
          token_endpoint_auth_method: 'private_key_jwt',
          token_endpoint_auth_signing_alg: 'ES256',
          jwks: { keys: [{ ...(await exportJWK(publicKey)), use: 'sig' }] },
        } as never,
      ],
    })
    const { issuer } = upstream
    const byKey = { kind: 'oauth_client', clientId: 'by-key', method: 'private_key_jwt', privateKey: pem } as const
    const { noteOf, kept } = await probe(db, upstream.url, { ...byKey, issuer })
    expect(noteOf).toHaveProperty('credential_works')
    expect(kept).not.toContain(pem.split('\n')[1])
    const wrong = await probe(db, upstream.url, { ...bySecret, issuer, clientSecret: 'another-secret-altogether' })
    expect(wrong.noteOf['credential_refused']).toBe('The authorization server answered invalid_client.')
    expect(wrong.report.tools).toEqual([])
    expect(wrong.kept).not.toContain('another-secret-altogether')
  },
)

dbTest('a client certificate is tried at a server that takes nobody without one', async ({ db }) => {
  const authority = await testAuthority()
  const own = await authority.issue('CN=localhost')
  const { ca } = authority
  const handle = toNodeHandler(createMcpHandler(() => echo(() => 'over tls')))
  const tls = { cert: own.certificate, key: own.privateKey, ca, requestCert: true, rejectUnauthorized: true }
  const url = await servedOverTls(tls, (request, response) => void handle(request, response))
  const issued = await authority.issue('CN=wheelhouse')
  const { report, noteOf, kept } = await probe(db, url, { kind: 'mtls', ...issued, ca })
  expect(report).toMatchObject({ reachable: true, tls: 'verified', challenge: 'a client certificate' })
  expect(noteOf).toMatchObject({ needs_credential: 'a client certificate', credential_works: 'sent as client certificate' }) // prettier-ignore
  expect(report.tools.map(({ name }) => name)).toEqual(['echo'])
  expect(kept).not.toContain(issued.privateKey.split('\n')[1])
  const stranger = await (await testAuthority()).issue('CN=wheelhouse')
  const refused = await probe(db, url, { kind: 'mtls', ...stranger, ca })
  expect(refused.noteOf).toHaveProperty('credential_refused')
  expect(refused.noteOf).not.toHaveProperty('credential_works')
  const untrusted = await probe(db, url, { kind: 'mtls', ...issued })
  expect(untrusted.report.tls).toBe('failed')
  expect(untrusted.noteOf).toHaveProperty('untrusted_certificate')
})
