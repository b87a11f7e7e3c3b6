import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { expect } from 'vitest'
import { inTx } from '#lib/auth/ctx.ts'
import { sealContexts } from '#lib/core/seal-contexts.ts'
import { createSecretBox } from '#lib/core/secret-box.ts'
import { testAuthority } from '#lib/dev/test/certificates.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { auditOf, ctxFor, makePerson, makeTeam } from '#lib/dev/test/fleet.ts'
import { makeServer } from '#lib/dev/test/registry.ts'
import {
  keepCredentialIssuer,
  recordCredentialTrouble,
  recordCredentialUse,
  removeServerCredential,
  setServerCredential,
  warnOfExpiry,
} from './commands.ts'
import { getServer } from './queries.ts'
import { type SetServerCredentialInput, setServerCredentialInput } from './schema.ts'

const secretBox = createSecretBox(randomBytes(32).toString('base64'))
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ type: 'pkcs8', format: 'pem' })

dbTest('every kind is sealed for its place, and shown without its secret', async ({ db }) => {
  const person = await makePerson(db, { roles: ['security'], name: 'Sam' })
  const ctx = ctxFor(db, person)
  const serverId = await makeServer(db)
  const teamId = await makeTeam(db)
  const { certificate, privateKey } = await (await testAuthority()).issue('CN=wheelhouse')
  const known = { clientId: 'app', issuer: 'https://login.example.com' }
  const inputs: SetServerCredentialInput[] = [
    { serverId, kind: 'bearer', secret: 'canary-bearer', reason: 'first' },
    { serverId, kind: 'basic', secret: 'ada:canary-password' },
    { serverId, kind: 'header', headerName: 'X-Api-Key', secret: 'canary-header' },
    { serverId, kind: 'mtls', certificate, privateKey },
    { serverId, kind: 'oauth_client', method: 'client_secret_post', clientSecret: 'canary-client', ...known },
    {
      serverId,
      kind: 'oauth_client',
      ...known,
      method: 'private_key_jwt',
      privateKey: String(rsa),
      scope: 'a b',
    },
  ]
  const opened: string[] = []
  for (const input of inputs) {
    await setServerCredential(ctx, { input: { ...input, teamId }, secretBox })
    const row = await db.upstreamCredential.findFirstOrThrow({ where: { serverId, teamId } })
    opened.push(await secretBox.open(row.ciphertext, sealContexts.upstreamCredential(serverId, teamId)))
    await expect(secretBox.open(row.ciphertext, sealContexts.upstreamCredential(serverId))).rejects.toThrow()
    const { credentials } = await getServer(ctx, serverId)
    expect(credentials).toMatchObject([{ kind: input.kind, team: { id: teamId }, setBy: 'Sam', lastUsedAt: null }])
    const shown = JSON.stringify([credentials, await auditOf(db, serverId)])
    expect(shown).not.toMatch(/canary|PRIVATE KEY/)
  }
  expect(opened.join()).toMatch(/canary-bearer.*ada:canary-password.*canary-header.*PRIVATE KEY.*canary-client.*RS256/)
  expect((await getServer(ctx, serverId)).credentials[0]).toMatchObject({
    settings: { ...known, method: 'private_key_jwt', scope: 'a b' },
  })
  expect((await auditOf(db, serverId)).map(({ detail }) => detail)).toMatchObject([
    { kind: 'bearer', replaced: false, reason: 'first' },
    { kind: 'basic', replaced: true },
    { kind: 'header' },
    { kind: 'mtls' },
    { kind: 'oauth_client' },
    { kind: 'oauth_client' },
  ])
})

dbTest('two who set the credential of one place at once leave one, as one of them set it', async ({ db }) => {
  const ctx = ctxFor(db, await makePerson(db, { roles: ['security'] }))
  const serverId = await makeServer(db)
  const set = (secret: string) => setServerCredential(ctx, { input: { serverId, kind: 'bearer', secret }, secretBox })
  await Promise.all(['one', 'two', 'three'].map(set))
  const rows = await db.upstreamCredential.findMany({ where: { serverId } })
  expect(rows).toHaveLength(1)
  const opened = await secretBox.open(rows[0]!.ciphertext, sealContexts.upstreamCredential(serverId))
  expect(['one', 'two', 'three']).toContain(opened)
})

dbTest('what is no key, no certificate, or of another pair is refused with its field', async ({ db }) => {
  const ctx = ctxFor(db, await makePerson(db, { roles: ['security'] }))
  const serverId = await makeServer(db)
  const authority = await testAuthority()
  const [one, two] = [await authority.issue('CN=one'), await authority.issue('CN=two')]
  const ended = await authority.issue('CN=ended', -1)
  const field = async (input: SetServerCredentialInput) => {
    const outcome = await setServerCredential(ctx, { input, secretBox }).catch((error: unknown) => error)
    return (outcome as { details?: { field?: string } } | undefined)?.details?.field
  }
  const mtls = (certificate: string, privateKey: string) => ({
    serverId,
    kind: 'mtls' as const,
    certificate,
    privateKey,
  })
  expect(await field(mtls(one.certificate, two.privateKey))).toBe('privateKey')
  expect(await field(mtls('-----BEGIN nothing', one.privateKey))).toBe('certificate')
  expect(await field(mtls(ended.certificate, ended.privateKey))).toBe('certificate')
  expect(await field({ serverId, kind: 'bearer', secret: 'x', expiresAt: '2020-01-01T00:00:00Z' })).toBe('expiresAt')
  expect(await field({ serverId, kind: 'bearer', secret: 'x', teamId: 'nobody' })).toBe('teamId')
  expect(await db.upstreamCredential.count({ where: { serverId } })).toBe(0)
  const fits = (input: object) => setServerCredentialInput.safeParse({ serverId, ...input }).success
  expect(fits({ kind: 'basic', secret: 'no colon' })).toBe(false)
  expect(fits({ kind: 'bearer', secret: 'x', headerName: 'y' })).toBe(false)
  expect(fits({ kind: 'oauth_client', clientId: 'a', method: 'private_key_jwt', clientSecret: 'b' })).toBe(false)
  expect(fits({ kind: 'oauth_person' })).toBe(false)
  const client = { serverId, kind: 'oauth_client', clientId: 'a', method: 'client_secret_basic', clientSecret: 'b' }
  for (const issuer of [undefined, '', 'login.example.com']) {
    const issues = setServerCredentialInput.safeParse({ ...client, issuer }).error?.issues
    expect(issues).toMatchObject([{ path: ['issuer'], message: expect.stringContaining('Name the authorization') }])
  }
})

dbTest('a program is given the values of its variables, and no other kind', async ({ db }) => {
  const ctx = ctxFor(db, await makePerson(db, { roles: ['security'] }))
  const program = (env: string[]) =>
    makeServer(db, { transport: 'stdio', url: '', command: { command: 'files', args: [], env } })
  const [one, two, none] = [await program(['A']), await program(['A', 'B']), await program([])]
  const set = (serverId: string, input: object) =>
    setServerCredential(ctx, { input: { serverId, ...input } as SetServerCredentialInput, secretBox })
  const refused = (field: string, message: string) => ({
    code: 'invalid',
    message: expect.stringContaining(message) as string,
    details: { field, rule: 'registry:credential_of_program' },
  })
  for (const input of [
    { kind: 'basic', secret: 'ada:secret' },
    { kind: 'header', headerName: 'X-Api-Key', secret: 'secret' },
  ]) {
    await expect(set(one, input)).rejects.toMatchObject(refused('kind', 'is a server over stdio'))
  }
  for (const secret of ['bare', '["a","b"]', '{"A":1}']) {
    await expect(set(two, { kind: 'bearer', secret })).rejects.toMatchObject(refused('secret', 'the values of A, B'))
  }
  await expect(set(none, { kind: 'bearer', secret: 'x' })).rejects.toMatchObject(refused('secret', 'no variables'))
  expect(await db.upstreamCredential.count({ where: { serverId: { in: [one, two, none] } } })).toBe(0)
  await set(one, { kind: 'bearer', secret: 'bare' })
  await set(two, { kind: 'bearer', secret: '{"A":"a","B":"b"}' })
  expect(await db.upstreamCredential.count({ where: { serverId: { in: [one, two] } } })).toBe(2)
})

dbTest('a credential is removed with its reason, and only where it is', async ({ db }) => {
  const ctx = ctxFor(db, await makePerson(db, { roles: ['security'] }))
  const serverId = await makeServer(db)
  const teamId = await makeTeam(db)
  for (const place of [null, teamId])
    await setServerCredential(ctx, { input: { serverId, teamId: place, kind: 'bearer', secret: 'x' }, secretBox })
  await removeServerCredential(ctx, { serverId, teamId, reason: 'The team left.' })
  expect((await getServer(ctx, serverId)).credentials.map(({ team }) => team)).toEqual([null])
  expect((await auditOf(db, serverId)).at(-1)).toMatchObject({
    event: 'server.credential_removed',
    detail: { reason: 'The team left.' },
  })
  await expect(removeServerCredential(ctx, { serverId, teamId, reason: 'again' })).rejects.toMatchObject({
    code: 'not_found',
  })
  const builder = ctxFor(db, await makePerson(db, { roles: ['builder'] }))
  await expect(removeServerCredential(builder, { serverId, reason: 'x' })).rejects.toMatchObject({ code: 'forbidden' })
})

dbTest('use is noted once a minute, trouble in words, and neither looks like a change', async ({ db }) => {
  const start = new Date('2026-05-01T12:00:00Z')
  const at = (seconds: number) => ctxFor(db, undefined, new Date(start.getTime() + seconds * 1000))
  const person = await makePerson(db, { roles: ['security'] })
  const serverId = await makeServer(db)
  const ctx = ctxFor(db, person, start)
  await setServerCredential(ctx, { input: { serverId, kind: 'bearer', secret: 'x' }, secretBox })
  const { id: credentialId } = await db.upstreamCredential.findFirstOrThrow({ where: { serverId } })
  for (const seconds of [1, 30, 59, 62]) await recordCredentialUse(at(seconds), { credentialId })
  await recordCredentialUse(at(90), { credentialId })
  await recordCredentialTrouble(at(95), { credentialId, message: 'It is refused.', wantedScope: 'write' })
  expect((await getServer(ctx, serverId)).credentials).toMatchObject([
    {
      lastUsedAt: at(62).now.toISOString(),
      updatedAt: start.toISOString(),
      wantedScope: 'write',
      lastError: { message: 'It is refused.', at: at(95).now.toISOString() },
    },
  ])
  for (const note of [
    recordCredentialUse(ctx, { credentialId }),
    recordCredentialTrouble(ctx, { credentialId, message: '' }),
  ])
    await expect(note).rejects.toMatchObject({ code: 'forbidden' })
})

dbTest('a credential that ends within two weeks is told of once', async ({ db }) => {
  const start = new Date('2026-05-01T12:00:00Z')
  const ctx = ctxFor(db, await makePerson(db, { roles: ['security'] }), start)
  const serverId = await makeServer(db)
  const input = { serverId, kind: 'bearer' as const, secret: 'x', expiresAt: '2026-06-01T00:00:00Z' }
  await setServerCredential(ctx, { input, secretBox })
  const on = (day: string) => ctxFor(db, undefined, new Date(`${day}T12:00:00Z`))
  expect(await warnOfExpiry(on('2026-05-10'))).toBe(0)
  expect(await warnOfExpiry(on('2026-05-19'))).toBe(1)
  expect(await warnOfExpiry(on('2026-05-20'))).toBe(0)
  expect((await auditOf(db, serverId)).at(-1)).toMatchObject({
    event: 'server.credential_expiring',
    detail: { kind: 'bearer', expiresAt: '2026-06-01T00:00:00.000Z' },
  })
  const teamId = await makeTeam(db)
  const { name: teamName } = await db.team.findUniqueOrThrow({ where: { id: teamId } })
  await setServerCredential(ctx, { input: { ...input, teamId }, secretBox })
  expect(await warnOfExpiry(on('2026-05-21'))).toBe(1)
  expect((await auditOf(db, serverId)).at(-1)).toMatchObject({ detail: { teamName } })
  await expect(warnOfExpiry(ctx)).rejects.toMatchObject({ code: 'forbidden' })
})

dbTest('of two who look at once for credentials that end, one tells', async ({ db }) => {
  const start = new Date('2026-05-01T12:00:00Z')
  const ctx = ctxFor(db, await makePerson(db, { roles: ['security'] }), start)
  const serverId = await makeServer(db)
  const input = { serverId, kind: 'bearer' as const, secret: 'x', expiresAt: '2026-05-05T00:00:00Z' }
  await setServerCredential(ctx, { input, secretBox })
  const platform = ctxFor(db, undefined, start)
  const { first, second } = await inTx(platform, async (_, ctx) => {
    const first = await warnOfExpiry(ctx)
    const second = warnOfExpiry(platform)
    // It has read what the first has not committed yet, and waits for the row.
    const waiting = async () => {
      const [row] = await db.$queryRaw<{ waiting: number }[]>`select count(*)::int as waiting from pg_stat_activity
        where datname = current_database() and wait_event_type = 'Lock'`
      return row?.waiting
    }
    await expect.poll(waiting).toBe(1)
    return { first, second }
  })
  expect([first, await second]).toEqual([1, 0])
  const events = (await auditOf(db, serverId)).map(({ event }) => event)
  expect(events.filter((event) => event === 'server.credential_expiring')).toHaveLength(1)
})

dbTest('of two who name the authorization server of an old client at once, one is kept for both', async ({ db }) => {
  const ctx = ctxFor(db, await makePerson(db, { roles: ['security'] }))
  const serverId = await makeServer(db)
  const client = { kind: 'oauth_client' as const, clientId: 'app', method: 'client_secret_post' as const }
  const input = { serverId, ...client, clientSecret: 'x', issuer: 'https://confirmed.example.com' }
  await setServerCredential(ctx, { input, secretBox })
  const { id: credentialId } = await db.upstreamCredential.findFirstOrThrow({ where: { serverId } })
  const keep = (issuer: string) => keepCredentialIssuer(ctxFor(db), { credentialId, issuer })
  expect(await keep('https://other.example.com')).toBe('https://confirmed.example.com')
  const settings = { clientId: 'app', method: 'client_secret_post' }
  await db.upstreamCredential.update({ where: { id: credentialId }, data: { settings } })
  await expect(keep('not an issuer')).rejects.toMatchObject({ code: 'invalid' })
  const kept = new Set(await Promise.all(['https://one.example.com', 'https://two.example.com'].map(keep)))
  expect(kept.size).toBe(1)
  const events = (await auditOf(db, serverId)).filter(({ event }) => event === 'server.credential_issuer_kept')
  expect(events).toMatchObject([{ detail: { issuer: [...kept][0] } }])
  expect((await getServer(ctx, serverId)).credentials[0]?.settings).toEqual({
    ...settings,
    issuer: [...kept][0],
    issuerFrom: 'server',
  })
  await expect(keepCredentialIssuer(ctx, { credentialId, issuer: 'https://x.example.com' })).rejects.toMatchObject({
    code: 'forbidden',
  })
  await setServerCredential(ctx, { input: { serverId, kind: 'bearer', secret: 'x' }, secretBox })
  await expect(keep('https://one.example.com')).rejects.toMatchObject({ code: 'not_found' })
})
