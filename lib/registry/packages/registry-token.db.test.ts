import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, vi } from 'vitest'
import { systemActor } from '#lib/auth/ctx.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { auditOf, ctxFor, makePerson } from '#lib/dev/test/fleet.ts'
import { startNpmRegistry } from '#lib/dev/test/npm-registry.ts'
import { packagedServer, words } from '#lib/dev/test/packaged-server.ts'
import { requestPackage } from '../commands.ts'
import { runPackageFetch } from '../commands/package-fetch.ts'
import { getPackageFetch } from '../queries/packages.ts'

// npm is started anew for each package, on a machine that may be busy.
vi.setConfig({ testTimeout: 300_000 })

const token = 'npm_canary-4f1c9d2e7b'
const published = [words('1.1.0', 'Good day'), packagedServer('1.2.0')]

const test = dbTest.extend('world', { scope: 'file' }, async ({ db }, { onCleanup }) => {
  const folder = await mkdtemp(join(tmpdir(), 'wheelhouse-packages-'))
  const archives = await startNpmRegistry(published)
  // By another name: who delivers archives for a registry is not the registry.
  const archivesAt = archives.url.replace('127.0.0.1', 'localhost')
  const registry = await startNpmRegistry(published, { token, archivesAt })
  onCleanup(async () => {
    await Promise.all([registry.close(), archives.close()])
    await rm(folder, { recursive: true, force: true })
  })
  const ctx = ctxFor(db, await makePerson(db, { roles: ['security'] }))
  const worker = { db, actor: systemActor('worker'), now: new Date() }
  const fetchWith = async (shown: string | null) => {
    const { packageId } = await requestPackage(ctx, { name: '@acme/packaged', version: '1.2.0' })
    await runPackageFetch(worker, { packageId, store: { folder, registry: `${registry.url}/`, token: shown } })
    return await getPackageFetch(ctx, packageId)
  }
  return { folder, archives, fetchWith }
})

test.for([
  [null, /\(401\): it may want a token, and WHEELHOUSE_NPM_TOKEN is not set\.$/],
  ['npm_another', /\(401\): WHEELHOUSE_NPM_TOKEN does not open it\.$/],
] as const)(
  'a registry that is shown %s instead of its token refuses, and what to set is said',
  async ([shown, says], { world }) => {
    const { problem } = await world.fetchWith(shown)
    expect(problem).toMatchObject({ field: 'registry', reason: 'registry_refuses' })
    expect(problem?.message).toMatch(says)
  },
)

test('a registry that wants a token is shown it; nobody else is, and nothing keeps it', async ({ db, world }) => {
  const { folder, archives } = world
  const fetched = await world.fetchWith(token)
  expect(fetched).toMatchObject({ problem: null, facts: { packages: 2 } })
  expect(archives.asked).toHaveLength(2)
  expect(archives.authorizations).toEqual([undefined, undefined])
  const files = await readdir(folder, { recursive: true, withFileTypes: true })
  for (const file of files.filter((each) => each.isFile()))
    expect(await readFile(join(file.parentPath, file.name), 'utf8')).not.toContain(token)
  expect(JSON.stringify(await db.fetchedPackage.findUnique({ where: { id: fetched.id } }))).not.toContain(token)
  expect(JSON.stringify(await auditOf(db, fetched.id))).not.toContain(token)
})
