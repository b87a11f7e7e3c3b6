import { access, mkdir, mkdtemp, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, vi } from 'vitest'
import { systemActor } from '#lib/auth/ctx.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { auditOf, ctxFor, makePerson } from '#lib/dev/test/fleet.ts'
import { type PublishedPackage, startNpmRegistry } from '#lib/dev/test/npm-registry.ts'
import { packagedServer, tracePath, words } from '#lib/dev/test/packaged-server.ts'
import { forgetPackages, requestPackage, registerServer } from '../commands.ts'
import {
  ensurePackage,
  hasPackage,
  packageFolder,
  removeUnusedPackages,
  runPackageFetch,
} from '../commands/package-fetch.ts'
import { getPackageFetch } from '../queries/packages.ts'

// npm is started anew for each package, on a machine that may be busy.
vi.setConfig({ testTimeout: 300_000 })

const plain = (name: string, more: object = {}, dist?: Record<string, unknown>): PublishedPackage => ({
  manifest: { name, version: '1.0.0', bin: { [name]: 'run.js' }, ...more },
  files: { 'run.js': '#!/usr/bin/env node\n' },
  ...(dist ? { dist } : {}),
})
const otherIntegrity = `sha512-${Buffer.alloc(64, 7).toString('base64')}`
const published: PublishedPackage[] = [
  words('1.0.0', 'Hello'),
  words('1.1.0', 'Good day'),
  packagedServer('1.2.0'),
  plain('no-program', { bin: undefined }),
  plain('altered', {}, { integrity: otherIntegrity }),
  plain('unsigned', {}, { integrity: undefined, shasum: 'a'.repeat(40) }),
  plain('on-altered', { dependencies: { altered: '1.0.0' } }),
  plain('on-nothing', { dependencies: { 'never-published': '1.0.0' } }),
  plain('on-git', { dependencies: { words: 'git+https://git.example.com/words.git' } }),
  plain('on-address', { dependencies: { words: 'https://files.example.com/words.tgz' } }),
  { ...plain('native'), files: { 'run.js': '', 'binding.gyp': '{}' } },
  {
    ...plain('escaping', { bin: { escaping: 'run.js', shell: '../../../../../../../../bin/sh', linked: 'link' } }),
    archive: [
      {
        path: 'package/package.json',
        content: JSON.stringify({
          name: 'escaping',
          version: '1.0.0',
          bin: { escaping: 'run.js', shell: '../../../../../../../../bin/sh', linked: 'link' },
        }),
      },
      { path: 'package/run.js', content: '#!/usr/bin/env node\r\n0\r\n' },
      { path: 'package/../../../escaped.txt', content: 'x' },
      { path: '../escaped.txt', content: 'x' },
      { path: `${tmpdir()}/wheelhouse-escaped.txt`, content: 'x' },
      { path: 'package/link', linkTo: '/bin/sh' },
      { path: 'package/folder', linkTo: '../../..' },
      { path: 'package/folder/escaped.txt', content: 'x' },
    ],
  },
  { ...plain('huge'), files: { 'run.js': '', 'data.txt': 'x'.repeat(3 << 20) } },
]

const test = dbTest.extend('world', { scope: 'file' }, async ({ db }, { onCleanup }) => {
  const home = await mkdtemp(join(tmpdir(), 'wheelhouse-packages-'))
  const registry = await startNpmRegistry(published)
  onCleanup(async () => {
    await registry.close()
    await rm(home, { recursive: true, force: true })
  })
  const ctx = ctxFor(db, await makePerson(db, { roles: ['security'] }))
  const worker = { db, actor: systemActor('worker'), now: new Date() }
  const store = { folder: join(home, 'packages'), registry: `${registry.url}/`, bytesMax: 2 << 20 }
  const fetchPackage = async (name: string, version = '1.0.0', at: Partial<typeof store> = {}) => {
    const { packageId } = await requestPackage(ctx, { name, version })
    await runPackageFetch(worker, { packageId, store: { ...store, ...at } })
    return await getPackageFetch(ctx, packageId)
  }
  return { registry, ctx, store, home, fetchPackage }
})

test('a package is fetched once with all it depends on, its integrity is recorded, and no script of it runs', async ({
  db,
  world,
}) => {
  const { store, fetchPackage } = world
  await rm(tracePath, { force: true })
  const fetched = await fetchPackage('@acme/packaged', '1.2.0')
  expect(fetched).toMatchObject({
    problem: null,
    package: { name: '@acme/packaged', version: '1.2.0', integrity: expect.stringMatching(/^sha512-/) },
    facts: { programs: ['packaged', 'other'], packages: 2, scripts: ['@acme/packaged', 'packaged-words'] },
  })
  await expect(access(tracePath)).rejects.toThrow('ENOENT')
  const folder = packageFolder(store, fetched.package!)
  expect(await readFile(join(folder, 'node_modules/packaged-words/index.js'), 'utf8')).toContain('Good day')
  expect((await stat(join(folder, 'node_modules/@acme/packaged/server.js'))).mode & 0o777).toBe(0o555)
  expect(await readdir(store.folder)).toEqual([fetched.package!.lock])
  const row = await db.fetchedPackage.findUniqueOrThrow({ where: { id: fetched.id } })
  expect(row.lock).toMatchObject({
    packages: { 'node_modules/packaged-words': { version: '1.1.0', integrity: expect.stringMatching(/^sha512-/) } },
  })
  const { integrity, lock } = fetched.package!
  expect(await auditOf(db, fetched.id)).toMatchObject([
    { event: 'package.requested', detail: { name: '@acme/packaged', version: '1.2.0' } },
    { event: 'package.fetched', detail: { found: { integrity, lock, packages: 2 } } },
  ])
})

test('what cannot be taken is refused with its field and its rule, and leaves nothing behind', async ({
  db,
  world,
}) => {
  const { store, fetchPackage } = world
  const cases: [name: string, field: string, rule: string, message: RegExp][] = [
    ['never-published', 'name', 'unknown_package', /has no package never-published@1\.0\.0/],
    ['no-program', 'name', 'no_program', /names no bin/],
    ['altered', 'version', 'wrong_integrity', /is not what its integrity says/],
    ['unsigned', 'version', 'no_integrity', /no sha512 integrity \(dist\.integrity\) for unsigned/],
    ['on-altered', 'dependencies', 'wrong_integrity', /is not what its integrity says/],
    ['on-nothing', 'dependencies', 'unknown_package', /no never-published@1\.0\.0, which it depends on/],
    ['on-git', 'dependencies', 'foreign_source', /in no registry/],
    ['on-address', 'dependencies', 'foreign_source', /in no registry/],
    ['native', 'dependencies', 'needs_scripts', /native code/],
    ['huge', 'version', 'too_large', /larger than 2 MB/],
  ]
  const before = await readdir(store.folder).catch(() => [])
  for (const [name, field, rule, message] of cases) {
    const { problem, package: reference, id } = await fetchPackage(name)
    expect({ name, problem, reference }).toMatchObject({
      name,
      reference: null,
      problem: { field, reason: rule, message: expect.stringMatching(message) },
    })
    expect((await auditOf(db, id)).at(-1)).toMatchObject({
      event: 'package.fetched',
      detail: { found: { problem: rule } },
    })
  }
  expect((await fetchPackage('@acme/packaged', '9.0.0')).problem).toMatchObject({
    field: 'version',
    reason: 'unknown_version',
  })
  expect(await readdir(store.folder)).toEqual(before)
})

test('a registry that is away, and one that is too slow, are named', async ({ world }) => {
  const { fetchPackage } = world
  const closed = await startNpmRegistry([words('1.0.0', 'Hello')])
  await closed.close()
  const away = await fetchPackage('packaged-words', '1.0.0', { registry: `${closed.url}/` })
  expect(away.problem).toMatchObject({ field: 'registry', reason: 'registry_unreachable' })
  const slow = await fetchPackage('@acme/packaged', '1.2.0', { wholeMs: 1 } as object)
  expect(slow.problem).toMatchObject({ field: 'registry', reason: 'too_slow' })
})

test('another machine gets the same files by the recorded lock, or says that it cannot', async ({ db, world }) => {
  const { registry, home, store, fetchPackage } = world
  const { package: reference } = await fetchPackage('@acme/packaged', '1.2.0')
  const elsewhere = { ...store, folder: join(home, 'elsewhere') }
  // Since then a newer one of what it depends on has come out, and another package under the same name and version.
  const changed = await startNpmRegistry([
    words('1.1.0', 'Good day'),
    words('1.9.0', 'Farewell'),
    packagedServer('1.2.0'),
  ])
  expect(await ensurePackage({ db, store: { ...elsewhere, registry: `${changed.url}/` } }, reference!)).toMatchObject({
    ok: true,
  })
  const said = await readFile(
    join(packageFolder(elsewhere, reference!), 'node_modules/packaged-words/index.js'),
    'utf8',
  )
  expect(said).toContain('Good day')
  await changed.close()

  const replaced = await startNpmRegistry([words('1.1.0', 'Hands up'), packagedServer('1.2.0')])
  const third = { folder: join(home, 'third'), registry: `${replaced.url}/` }
  expect(await ensurePackage({ db, store: third }, reference!)).toMatchObject({
    ok: false,
    error: { reason: 'wrong_integrity' },
  })
  await replaced.close()
  expect(await hasPackage(third, reference!)).toBe(false)
  const unknown = { ...reference!, lock: '0'.repeat(64) }
  expect(await ensurePackage({ db, store: { ...third, registry: registry.url } }, unknown)).toMatchObject({
    ok: false,
    error: { message: '@acme/packaged@1.2.0 was never fetched with this lock.' },
  })
})

test('a fetch that has ended is not repeated', async ({ db, world }) => {
  const { registry, store, fetchPackage } = world
  const { id } = await fetchPackage('@acme/packaged', '1.2.0')
  const asked = registry.asked.length
  await runPackageFetch({ db, actor: systemActor('worker'), now: new Date() }, { packageId: id, store })
  expect(registry.asked.length).toBe(asked)
  expect(await db.auditEvent.count({ where: { subjectId: id, event: 'package.fetched' } })).toBe(1)
})

test('an archive writes nothing outside of its own folder and leaves no link, and only its own files are programs', async ({
  world,
}) => {
  const { store, home, fetchPackage } = world
  const { problem, package: reference, facts } = await fetchPackage('escaping')
  expect(problem).toBeNull()
  expect(facts!.programs).toEqual(['escaping'])
  const folder = packageFolder(store, reference!)
  const inside = await readdir(folder, { recursive: true, withFileTypes: true })
  expect(inside.filter((entry) => entry.isSymbolicLink()).map(({ name }) => name)).toEqual(['escaping'])
  expect(await readFile(join(folder, 'node_modules/.bin/escaping'), 'utf8')).toBe('#!/usr/bin/env node\n0\r\n')
  const around = await readdir(home, { recursive: true })
  const own = join('packages', reference!.lock)
  expect(around.filter((path) => path.endsWith('escaped.txt') && !path.startsWith(own))).toEqual([])
  await expect(access(join(tmpdir(), 'wheelhouse-escaped.txt'))).rejects.toThrow('ENOENT')
})

test('of two that ask for a package at once both get the same fetch; a later one is a fetch of its own', async ({
  db,
  world,
}) => {
  const { ctx, fetchPackage } = world
  const asked = { name: 'packaged-words', version: '1.1.0' }
  const both = await Promise.all([requestPackage(ctx, asked), requestPackage(ctx, asked)])
  const { packageId } = both[0]
  expect(both[1]).toEqual({ packageId })
  expect(await auditOf(db, packageId)).toHaveLength(1)
  const later = { ...ctx, now: new Date(ctx.now.getTime() + 3_600_001) }
  expect(await requestPackage(later, asked)).not.toEqual({ packageId })
  await db.fetchedPackage.updateMany({ where: asked, data: { finishedAt: ctx.now } })
  expect((await fetchPackage(asked.name, asked.version)).id).not.toBe(packageId)
})

test('two that fetch the same files at once both have them, once', async ({ db, world }) => {
  const { store, home, fetchPackage } = world
  const { package: reference } = await fetchPackage('@acme/packaged', '1.2.0')
  const shared = { ...store, folder: join(home, 'shared') }
  const outcomes = await Promise.all([
    ensurePackage({ db, store: shared }, reference!),
    ensurePackage({ db, store: shared }, reference!),
  ])
  expect(outcomes).toMatchObject([{ ok: true }, { ok: true }])
  expect(await readdir(shared.folder)).toEqual([reference!.lock])
})

test('what was left half fetched is never taken for a package and is removed; a store that cannot be written is named', async ({
  db,
  world,
}) => {
  const { store, home, fetchPackage } = world
  const { package: reference } = await fetchPackage('@acme/packaged', '1.2.0')
  const broken = { ...store, folder: join(home, 'broken') }
  const half = join(broken.folder, '.fetching-half')
  await mkdir(join(half, 'node_modules'), { recursive: true })
  const longAgo = new Date(Date.now() - 7_200_000)
  await utimes(half, longAgo, longAgo)
  expect(await hasPackage(broken, reference!)).toBe(false)
  expect(await ensurePackage({ db, store: broken }, reference!)).toMatchObject({ ok: true })
  expect(await readdir(broken.folder)).toEqual([reference!.lock])
  const file = join(home, 'file')
  await writeFile(file, '')
  expect((await fetchPackage('@acme/packaged', '1.2.0', { folder: file })).problem).toMatchObject({
    reason: 'not_fetched',
    message: expect.stringContaining('@acme/packaged@1.2.0 could not be fetched'),
  })
})

test('a package that no server is started from is forgotten after a week and then removed; one that a server names stays', async ({
  db,
  world,
}) => {
  const { ctx, store, home, fetchPackage } = world
  const own = { folder: join(home, 'unused') }
  const used = (await fetchPackage('@acme/packaged', '1.2.0', own)).package!
  const unused = (await fetchPackage('escaping', '1.0.0', own)).package!
  const at = { ...store, ...own }
  await registerServer(ctx, {
    id: 'packaged',
    name: 'Packaged',
    description: '',
    transport: 'stdio',
    command: { command: 'packaged', args: [], env: [], package: used },
    environment: 'staging',
    sensitivity: 'internal',
    dataClasses: [],
    acknowledged: ['not_probed'],
  })
  const worker = (days: number) => ({
    db,
    actor: systemActor('worker'),
    now: new Date(ctx.now.getTime() + days * 86_400_000),
  })
  await forgetPackages(worker(6))
  expect(await removeUnusedPackages({ db, store: at, now: worker(6).now })).toBe(0)
  expect(await forgetPackages(worker(8))).toBeGreaterThan(0)
  // What has come within a day stays: whoever fetched it has not written it down yet.
  expect(await removeUnusedPackages({ db, store: at, now: new Date() })).toBe(0)
  expect(await removeUnusedPackages({ db, store: at, now: worker(8).now })).toBe(1)
  expect(await readdir(own.folder)).toEqual([used.lock])
  expect(await hasPackage(at, unused)).toBe(false)
  await expect(forgetPackages(ctx)).rejects.toMatchObject({ code: 'forbidden' })
})
