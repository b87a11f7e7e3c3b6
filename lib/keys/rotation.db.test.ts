import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, describe, expect } from 'vitest'
import type { KeySource } from '#lib/config/keys.ts'
import { keyIdOf } from '#lib/core/secret-box.ts'
import type { Db } from '#lib/db/client.ts'
import { until } from '#lib/dev/test/broker-world.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { ctxFor, makePerson } from '#lib/dev/test/fleet.ts'
import { keyServices, keysOf, newKey } from '#lib/dev/test/key-services.ts'
import { startWorkerProcess } from '#lib/dev/test/worker-process.ts'
import { createKeyring, rewrapSealed, rotateKeys } from './commands.ts'
import { getKeys } from './queries.ts'
import { type SealedPlace, sealedPlaces } from './sealed-places.ts'
import { makeSealedRow, readSealedRow } from './testing/sealed-rows.ts'

// Rotation of everything that is kept sealed, from every place a key is kept in to every other.

const { services, folder, end } = keyServices()
afterEach(end)

const nameOf = ({ table, column }: SealedPlace) => `${table}.${column}`
const secretOf = (place: SealedPlace) => `secret of ${nameOf(place)}`

async function file(): Promise<KeySource[]> {
  const path = join(await folder(), 'keys')
  await writeFile(path, `${newKey()}\n`, { mode: 0o600 })
  return keysOf({ WHEELHOUSE_KEYS: `file:${path}` })
}

const drivers = [
  ['file', file],
  ...Object.entries(services).map(([name, start]) => [name, async () => (await start()).sources] as const),
] as const

/** One row of every place, sealed as by a process with these keys. */
async function sealEverything(db: Db, sources: readonly KeySource[]) {
  await db.keyEncryptionKey.deleteMany()
  const box = createKeyring(sources, db)
  const rows: { place: SealedPlace; id: string }[] = []
  for (const place of sealedPlaces) {
    rows.push({ place, id: await makeSealedRow(db, place, { box, secret: secretOf(place) }) })
  }
  return rows
}

/** What opens with these keys alone, by place. */
async function opened(db: Db, rows: readonly { place: SealedPlace; id: string }[], sources: readonly KeySource[]) {
  const keyring = createKeyring(sources, db)
  const read: Record<string, string> = {}
  for (const { place, id } of rows) {
    const { sealed, context } = await readSealedRow(db, place, id)
    read[nameOf(place)] = await keyring.open(sealed, context).catch((error: Error) => error.message)
  }
  return read
}

const everything = Object.fromEntries(sealedPlaces.map((place) => [nameOf(place), secretOf(place)]))

async function forgetEverything(db: Db): Promise<void> {
  for (const table of new Set(sealedPlaces.map(({ table }) => table))) {
    await db.$executeRawUnsafe(`truncate "${table}" cascade`)
  }
}

describe.each(drivers)('from the environment to %s and back', (_, start) => {
  dbTest('everything sealed opens with the new key alone, and with the old one nothing', async ({ db }) => {
    await forgetEverything(db)
    const admin = ctxFor(db, await makePerson(db, { roles: ['platform_admin'] }))
    const environment = () => keysOf({ WHEELHOUSE_ENCRYPTION_KEY: newKey() })
    const first = environment()
    const rows = await sealEverything(db, first)
    let before: readonly KeySource[] = first
    for (const after of [await start(), environment()]) {
      const both = createKeyring([...after, ...before], db)
      expect(await rotateKeys(admin, { input: { reason: 'yearly' }, keyring: both })).toMatchObject({ ok: true })
      expect(await rewrapSealed(ctxFor(db), { keyring: both })).toEqual({ rewrapped: sealedPlaces.length })
      expect(await rewrapSealed(ctxFor(db), { keyring: both })).toEqual({ rewrapped: 0 })
      expect(await opened(db, rows, after)).toEqual(everything)
      for (const said of Object.values(await opened(db, rows, before))) expect(said).toContain('is not configured')
      const { sealed, rewrap } = await getKeys(admin, { keyring: both })
      expect(sealed).toEqual([{ keyId: both.keyIds[0], count: sealedPlaces.length }])
      expect(rewrap).toMatchObject({ finishedAt: expect.any(String), lastError: null })
      before = after
    }
  })
})

dbTest('a thing that does not open is named, and keeps nothing else from the new key', async ({ db }) => {
  await forgetEverything(db)
  const admin = ctxFor(db, await makePerson(db, { roles: ['platform_admin'] }))
  const [old, next] = [newKey(), newKey()]
  const rows = await sealEverything(db, keysOf({ WHEELHOUSE_ENCRYPTION_KEY: old }))
  const lost = { place: sealedPlaces[0]!, box: createKeyring(keysOf({ WHEELHOUSE_ENCRYPTION_KEY: newKey() }), db) }
  const id = await makeSealedRow(db, lost.place, { box: lost.box, secret: 'under a key that is lost' })
  const both = createKeyring(keysOf({ WHEELHOUSE_ENCRYPTION_KEY: `${next},${old}` }), db)
  await rotateKeys(admin, { input: { reason: 'yearly' }, keyring: both })
  await expect(rewrapSealed(ctxFor(db), { keyring: both })).rejects.toThrow(id)
  expect(await opened(db, rows, keysOf({ WHEELHOUSE_ENCRYPTION_KEY: next }))).toEqual(everything)
  const { rewrap } = await getKeys(admin, { keyring: both })
  expect(rewrap).toMatchObject({ rewrapped: sealedPlaces.length, finishedAt: null })
  expect(rewrap?.lastError).toContain(`${nameOf(lost.place)} of ${id}`)
})

dbTest('a worker wraps everything anew when a person rotates', { timeout: 240_000 }, async ({ db, databaseUrl }) => {
  await forgetEverything(db)
  const admin = ctxFor(db, await makePerson(db, { roles: ['platform_admin'] }))
  const [old, next] = [newKey(), newKey()]
  const rows = await sealEverything(db, keysOf({ WHEELHOUSE_ENCRYPTION_KEY: old }))
  const worker = await startWorkerProcess({ DATABASE_URL: databaseUrl, WHEELHOUSE_ENCRYPTION_KEY: `${next},${old}` })
  try {
    const both = createKeyring(keysOf({ WHEELHOUSE_ENCRYPTION_KEY: `${next},${old}` }), db)
    await rotateKeys(admin, { input: { reason: 'yearly' }, keyring: both })
    await until(async () => {
      const keys = await Promise.all(rows.map(({ place, id }) => readSealedRow(db, place, id)))
      return keys.every(({ sealed }) => keyIdOf(sealed) === both.keyIds[0])
    }, 60_000)
    expect(await opened(db, rows, keysOf({ WHEELHOUSE_ENCRYPTION_KEY: next }))).toEqual(everything)
  } finally {
    expect(await worker.stop()).toBe(0)
  }
})
