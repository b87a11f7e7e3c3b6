import { chmod, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { systemActor } from '#lib/auth/ctx.ts'
import type { KeySource } from '#lib/config/keys.ts'
import { sealContexts } from '#lib/core/seal-contexts.ts'
import { keyIdOf } from '#lib/core/secret-box.ts'
import type { Db } from '#lib/db/client.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { ctxFor, makePerson } from '#lib/dev/test/fleet.ts'
import { keyServices, keysOf, newKey } from '#lib/dev/test/key-services.ts'
import { makeServer } from '#lib/dev/test/registry.ts'
import { schemaSql } from '#lib/dev/schema-sql.ts'
import { setServerCredential } from '#lib/registry/commands.ts'
import { createKeyring, type Keyring, proveKeyring, rewrapSealed, rotateKeys } from './commands.ts'
import { getKeys } from './queries.ts'
import { sealedPlaces } from './sealed-places.ts'

const { services, folder: makeFolder, end } = keyServices()

let folder: string
beforeEach(async () => {
  folder = await makeFolder()
})
afterEach(end)

describe.each(Object.entries(services))('%s', (_, start) => {
  dbTest('wraps a data key for each thing, and opens it after a restart', async ({ db }) => {
    const { fake, sources } = await start()
    const sealed = await createKeyring(sources, db).seal('canary-secret', 'here')
    expect(Buffer.from(sealed).includes('canary-secret')).toBe(false)
    const calls = fake.calls
    const restarted = createKeyring(sources, db)
    expect(await restarted.open(sealed, 'here')).toBe('canary-secret')
    expect(fake.calls).toBeGreaterThan(calls)
    await expect(restarted.open(sealed, 'there')).rejects.toThrow()
    const altered = sealed.with(keyIdOf(sealed).length + 20, sealed[keyIdOf(sealed).length + 20]! ^ 1)
    await expect(restarted.open(altered, 'here')).rejects.toThrow()
  })

  dbTest(
    'an outage: what was opened goes on, what is new is refused with the rule, nothing is written unsealed',
    async ({ db }) => {
      const { fake, sources } = await start()
      const keyring = createKeyring(sources, db)
      const [used, unused] = [await keyring.seal('used', 'a'), await keyring.seal('unused', 'a')]
      await keyring.open(used, 'a')
      fake.out = true
      expect(await keyring.open(used, 'a')).toBe('used')
      const refusal = { code: 'unavailable', details: { rule: 'keys:unavailable' } }
      await expect(keyring.open(unused, 'a')).rejects.toMatchObject(refusal)
      const serverId = await makeServer(db)
      const set = setServerCredential(ctxFor(db, await makePerson(db, { roles: ['security'] })), {
        input: { serverId, kind: 'bearer', secret: 'never-stored' },
        secretBox: keyring,
      })
      await expect(set).rejects.toMatchObject(refusal)
      expect(await db.upstreamCredential.count({ where: { serverId } })).toBe(0)
      await expect(proveKeyring(keyring)).rejects.toThrow(/WHEELHOUSE_KEYS.*cannot be used/)
      fake.out = false
      expect(await keyring.open(unused, 'a')).toBe('unused')
    },
  )
})

describe('a key file', () => {
  const source = (): KeySource[] => keysOf({ WHEELHOUSE_KEYS: `file:${join(folder, 'keys')}` })

  dbTest('holds its keys, newest first, for its owner alone', async ({ db }) => {
    const [newest, old] = [newKey(), newKey()]
    await writeFile(join(folder, 'keys'), `${old}\n`, { mode: 0o600 })
    const sealed = await createKeyring(source(), db).seal('text', 'a')
    await writeFile(join(folder, 'keys'), `${newest}\n${old}\n`, { mode: 0o600 })
    const keyring = createKeyring(source(), db)
    expect(keyring.keyIds).toHaveLength(2)
    expect(await keyring.open(sealed, 'a')).toBe('text')
    expect(keyIdOf(await keyring.seal('text', 'a'))).toBe(keyring.keyIds[1])
  })

  dbTest.for([
    ['others may read it', 0o644, newKey(), /chmod 600/],
    ['it holds something else', 0o600, 'secret', /32 random bytes/],
    ['it is empty', 0o600, '', /32 random bytes/],
  ] as const)('refuses to start when %s', async ([, mode, text, message], { db }) => {
    await writeFile(join(folder, 'keys'), text)
    await chmod(join(folder, 'keys'), mode)
    expect(() => createKeyring(source(), db)).toThrow(message)
  })

  dbTest('refuses to start when it is not there', async ({ db }) => {
    expect(() => createKeyring(source(), db)).toThrow(/cannot be read \(ENOENT\)/)
  })
})

describe('a wrong configuration is refused with the variable named', () => {
  test.each([
    [{}, /WHEELHOUSE_ENCRYPTION_KEY/],
    [{ WHEELHOUSE_KEYS: 'hsm:1' }, /WHEELHOUSE_KEYS/],
    [{ WHEELHOUSE_KEYS: 'file:relative' }, /WHEELHOUSE_KEYS/],
    [{ WHEELHOUSE_KEYS: 'aws-kms:alias/wheelhouse' }, /WHEELHOUSE_KEYS/],
    [{ WHEELHOUSE_KEYS: 'gcp-kms:projects/x' }, /WHEELHOUSE_KEYS/],
    [{ WHEELHOUSE_KEYS: 'vault-transit:transit/wheelhouse' }, /VAULT_ADDR[^]*VAULT_TOKEN/],
    [{ WHEELHOUSE_ENCRYPTION_KEY: `${newKey()},short` }, /WHEELHOUSE_ENCRYPTION_KEY/],
  ])('%j', (env, message) => expect(() => keysOf(env as Record<string, string>)).toThrow(message))
})

/** Every rotation begins without one before. */
async function begin(db: Db): Promise<void> {
  await db.keyEncryptionKey.deleteMany()
  await db.upstreamCredential.deleteMany()
}

describe('rotation', () => {
  dbTest(
    'every sealed thing goes to the new key in idempotent passes, bound to its place as before',
    async ({ db }) => {
      await begin(db)
      const [old, next] = [newKey(), newKey()]
      const before = createKeyring(keysOf({ WHEELHOUSE_ENCRYPTION_KEY: old }), db)
      const admin = ctxFor(db, await makePerson(db, { roles: ['platform_admin'] }))
      const servers = await Promise.all(['a', 'b', 'c'].map(() => makeServer(db)))
      for (const serverId of servers) {
        await setServerCredential(admin, {
          input: { serverId, kind: 'bearer', secret: `secret-${serverId}` },
          secretBox: before,
        })
      }
      const both = createKeyring(keysOf({ WHEELHOUSE_ENCRYPTION_KEY: `${next},${old}` }), db)
      expect((await getKeys(admin, { keyring: both })).current.id).toBe(before.keyIds[0])
      expect(await rotateKeys(admin, { input: { reason: 'yearly' }, keyring: both })).toEqual({
        ok: true,
        value: { keyId: both.keyIds[0] },
      })
      const again = await rotateKeys(admin, { input: { reason: 'yearly' }, keyring: both })
      expect(again).toMatchObject({ ok: false, error: { reason: 'nothing_newer' } })

      const system = { db, actor: systemActor('worker'), now: new Date() }
      const setAt = await db.upstreamCredential.findMany({
        select: { id: true, updatedAt: true },
        orderBy: { id: 'asc' },
      })
      // Two at once share the work; what one did the other leaves.
      const passes = await Promise.all([
        rewrapSealed(system, { keyring: both }),
        rewrapSealed(system, { keyring: both }),
      ])
      expect(passes[0].rewrapped + passes[1].rewrapped).toBe(3)
      expect(await rewrapSealed(system, { keyring: both })).toEqual({ rewrapped: 0 })
      expect(
        await db.upstreamCredential.findMany({ select: { id: true, updatedAt: true }, orderBy: { id: 'asc' } }),
      ).toEqual(setAt)

      const after = createKeyring(keysOf({ WHEELHOUSE_ENCRYPTION_KEY: next }), db)
      for (const serverId of servers) {
        const { ciphertext, keyId } = await db.upstreamCredential.findFirstOrThrow({ where: { serverId } })
        expect(keyId).toBe(both.keyIds[0])
        expect(await after.open(ciphertext, sealContexts.upstreamCredential(serverId))).toBe(`secret-${serverId}`)
        await expect(after.open(ciphertext, sealContexts.upstreamCredential('elsewhere'))).rejects.toThrow()
        await expect(before.open(ciphertext, sealContexts.upstreamCredential(serverId))).rejects.toThrow(
          /not configured/,
        )
      }
      const view = await getKeys(admin, { keyring: both })
      expect(view).toMatchObject({
        current: { id: both.keyIds[0] },
        sealed: [{ keyId: both.keyIds[0], count: 3 }],
        rewrap: { rewrapped: 3, lastError: null },
      })
      expect(view.rewrap?.finishedAt).not.toBeNull()
      expect(await events(db)).toEqual(['keys.rotated', 'keys.rewrapped'])
    },
  )

  dbTest('a credential that is replaced meanwhile is not overwritten', async ({ db }) => {
    await begin(db)
    const [old, next] = [newKey(), newKey()]
    const both = createKeyring(keysOf({ WHEELHOUSE_ENCRYPTION_KEY: `${next},${old}` }), db)
    const admin = ctxFor(db, await makePerson(db, { roles: ['platform_admin'] }))
    const serverId = await makeServer(db)
    const set = (secret: string, secretBox: Keyring) =>
      setServerCredential(admin, { input: { serverId, kind: 'bearer', secret }, secretBox })
    await set('first', both)
    await rotateKeys(admin, { input: { reason: 'yearly' }, keyring: both })
    const slow: Keyring = {
      ...both,
      async rewrap(sealed, context) {
        const wrapped = await both.rewrap(sealed, context)
        await set('second', both)
        return wrapped
      },
    }
    const system = { db, actor: systemActor('worker'), now: new Date() }
    expect(await rewrapSealed(system, { keyring: slow })).toEqual({ rewrapped: 0 })
    const { ciphertext } = await db.upstreamCredential.findFirstOrThrow({ where: { serverId } })
    expect(await both.open(ciphertext, sealContexts.upstreamCredential(serverId))).toBe('second')
  })

  dbTest('only who may rotates, and only the platform wraps anew', async ({ db }) => {
    const keyring = createKeyring(keysOf({ WHEELHOUSE_ENCRYPTION_KEY: newKey() }), db)
    const ctx = ctxFor(db, await makePerson(db, { roles: ['builder'] }))
    await expect(rotateKeys(ctx, { input: { reason: 'x' }, keyring })).rejects.toMatchObject({ code: 'forbidden' })
    await expect(getKeys(ctx, { keyring })).rejects.toMatchObject({ code: 'forbidden' })
    await expect(rewrapSealed(ctx, { keyring })).rejects.toMatchObject({ code: 'forbidden' })
  })

  test('finds every column that holds sealed bytes', async () => {
    const columns = [...(await schemaSql()).matchAll(/CREATE TABLE "(\w+)" \(([^;]*)\);/g)].flatMap(([, table, body]) =>
      [...body!.matchAll(/"(\w+)" BYTEA/g)].map(([, column]) => `${table}.${column}`),
    )
    // Hashes are nobody's secret.
    const sealed = columns.filter((column) => column !== 'AuditEvent.leafHash')
    expect(sealed.toSorted()).toEqual(sealedPlaces.map(({ table, column }) => `${table}.${column}`).toSorted())
  })
})

async function events(db: Db): Promise<string[]> {
  const rows = await db.auditEvent.findMany({ where: { event: { startsWith: 'keys.' } }, orderBy: { seq: 'asc' } })
  return rows.map(({ event }) => event)
}
