import { chmod, lstat, mkdir, mkdtemp, open, readdir, realpath, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { err, ok, type Result } from '#lib/core/result.ts'
import type { PackageProblem, PackageProgress } from '../schema/packages.ts'
import { askNpm, type NpmFetched, type NpmLimits, tooLarge, type Wanted } from './npm.ts'
import { problemOf } from './npm-errors.ts'
import { linkPrograms } from './programs.ts'

/** Packages on this machine: a folder each, named by the digest of its lock, and never changed once it is there. */
export type PackageStore = { folder: string; registry: string; token?: string | null } & Partial<NpmLimits>
type Fetched = NpmFetched & { programs: string[]; bytes: number }

/** Of a package with all it depends on. */
const standardLimits: NpmLimits = { bytesMax: 512 << 20, filesMax: 100_000, wholeMs: 180_000 }
/** A folder that is still called so after an hour was left behind. */
const begun = '.fetching-'
const leftBehindMs = 3_600_000
/** Nobody says of a younger one that no server is started from it. */
const unusedMs = 86_400_000
const digestPattern = /^[0-9a-f]{64}$/
const atOnce = 16

export function storedFolder({ folder }: Pick<PackageStore, 'folder'>, digest: string): string {
  return join(folder, digest)
}

export async function isStored(store: Pick<PackageStore, 'folder'>, digest: string): Promise<boolean> {
  return (await stat(storedFolder(store, digest)).catch(() => null))?.isDirectory() === true
}

/** Fetches a package with all it depends on, verified against the integrity of each, and puts it into the store whole or not at all. */
export async function fetchIntoStore(
  store: PackageStore,
  wanted: Wanted & { onProgress?: (progress: PackageProgress) => void },
): Promise<Result<Fetched, PackageProblem>> {
  const { onProgress = () => {}, ...what } = wanted
  try {
    await mkdir(store.folder, { recursive: true, mode: 0o755 })
    await removeLeftBehind(store.folder)
    const folder = await mkdtemp(join(await realpath(store.folder), begun))
    try {
      return await fetchVia(folder, { store, wanted: what, onProgress })
    } finally {
      await rm(folder, { recursive: true, force: true })
    }
  } catch (error) {
    return err(problemOf(error, { ...what, ...store }))
  }
}

/** Removes what is stored and is none of `usedOf`, except what has come within a day; says how many. */
export async function removeUnused(
  { folder }: Pick<PackageStore, 'folder'>,
  { usedOf, now }: { usedOf: (digests: string[]) => Promise<ReadonlySet<string>>; now: Date },
): Promise<number> {
  const names = await readdir(folder).catch(() => [])
  const old: string[] = []
  for (const name of names.filter((name) => digestPattern.test(name))) {
    const info = await lstat(join(folder, name)).catch(() => null)
    // It was given its name then.
    if (info && now.getTime() - info.ctimeMs > unusedMs) old.push(name)
  }
  const used = await usedOf(old)
  const unused = old.filter((name) => !used.has(name))
  for (const name of unused) {
    // What is half removed must not be taken for a package.
    const away = join(folder, `${begun}removed-${name}`)
    await rename(join(folder, name), away).catch(() => {})
    await rm(away, { recursive: true, force: true })
  }
  return unused.length
}

async function fetchVia(
  folder: string,
  {
    store,
    wanted,
    onProgress,
  }: { store: PackageStore; wanted: Wanted; onProgress: (progress: PackageProgress) => void },
): Promise<Result<Fetched, PackageProblem>> {
  const limits = { ...standardLimits, ...store }
  const { name, version } = wanted
  const { registry, token = null } = store
  const answer = await askNpm({ ...wanted, folder, registry, token }, { limits, onProgress })
  if (!answer.ok) return err(answer.problem)
  const { ok: _, ...fetched } = answer
  await rm(join(folder, '.cache'), { recursive: true, force: true })
  const programs = await linkPrograms(folder, name)
  if (programs.length === 0) {
    const message = `${name}@${version} has no program to start: its package.json names no bin, or none that is there.`
    return err({ field: 'name', reason: 'no_program', message })
  }
  const { bytes, files } = await settle(folder)
  if (bytes > limits.bytesMax || files > limits.filesMax) return err(tooLarge(wanted, limits))
  await chmod(folder, 0o755)
  await rename(folder, storedFolder(store, fetched.digest)).catch(async (error: unknown) => {
    // Somebody else has put the same files there meanwhile.
    if (!(await isStored(store, fetched.digest))) throw error
  })
  await sync(store.folder)
  return ok({ ...fetched, programs, bytes })
}

/** Readable for everybody, writable for nobody, no bit that would give rights, and on the disk: a machine that loses its power keeps all of it or none. */
async function settle(folder: string): Promise<{ bytes: number; files: number }> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  let bytes = 0
  const settleOne = async (entry: (typeof entries)[number]): Promise<void> => {
    const path = join(entry.parentPath, entry.name)
    if (entry.isDirectory()) return await chmod(path, 0o755)
    if (!entry.isFile()) return
    const { mode, size } = await lstat(path)
    bytes += size
    await sync(path)
    await chmod(path, mode & 0o111 ? 0o555 : 0o444)
  }
  for (let at = 0; at < entries.length; at += atOnce)
    await Promise.all(entries.slice(at, at + atOnce).map((entry) => settleOne(entry)))
  return { bytes, files: entries.length }
}

async function sync(path: string): Promise<void> {
  const file = await open(path)
  try {
    await file.sync()
  } finally {
    await file.close()
  }
}

async function removeLeftBehind(folder: string): Promise<void> {
  const names = (await readdir(folder)).filter((name) => name.startsWith(begun))
  for (const path of names.map((name) => join(folder, name))) {
    const info = await stat(path).catch(() => null)
    if (info && Date.now() - info.mtimeMs > leftBehindMs) await rm(path, { recursive: true, force: true })
  }
}
