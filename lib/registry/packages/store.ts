import { fork } from 'node:child_process'
import { chmod, lstat, mkdir, mkdtemp, readdir, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { npmEnvironment } from '#lib/config/packages.ts'
import { err, ok, type Result } from '#lib/core/result.ts'
import type { PackageProblem } from '../schema/packages.ts'
import type { PackageLock } from './lock.ts'

/** Packages on this machine: a folder each, named by the digest of its lock, and never changed once it is there. */
export type PackageStore = {
  folder: string
  registry: string
  /** Of a package with all it depends on. */
  bytesMax?: number
  wholeMs?: number
}
type Wanted = { name: string; version: string; locked: { lock: PackageLock; digest: string } | null }
export type NpmOrder = Wanted & { folder: string; registry: string }
type Fetched = {
  integrity: string
  digest: string
  lock: PackageLock
  programs: string[]
  packages: number
  scripts: string[]
}
export type NpmAnswer = ({ ok: true } & Fetched) | { ok: false; problem: PackageProblem }

const bytesMaxStandard = 512 << 20
const filesMax = 100_000
const wholeMsStandard = 180_000
const everyMs = 500
/** A folder that is still called so after an hour was left behind. */
const begun = '.fetching-'
const leftBehindMs = 3_600_000
export function storedFolder({ folder }: Pick<PackageStore, 'folder'>, digest: string): string {
  return join(folder, digest)
}

export async function isStored(store: Pick<PackageStore, 'folder'>, digest: string): Promise<boolean> {
  return (await stat(storedFolder(store, digest)).catch(() => null))?.isDirectory() === true
}

/** Fetches a package with all it depends on, verified against the integrity of each, and puts it into the store whole or not at all. */
export async function fetchIntoStore(
  store: PackageStore,
  wanted: Wanted,
): Promise<Result<Fetched & { bytes: number }, PackageProblem>> {
  await mkdir(store.folder, { recursive: true, mode: 0o755 })
  await removeLeftBehind(store.folder)
  const folder = await mkdtemp(join(store.folder, begun))
  try {
    const answer = await askNpm(store, { ...wanted, folder, registry: store.registry })
    if (!answer.ok) return err(answer.problem)
    await rm(join(folder, '.cache'), { recursive: true, force: true })
    const bytes = await settle(folder)
    if (bytes > bytesMaxOf(store)) return err(tooLarge(store, wanted))
    const { ok: _, ...fetched } = answer
    await chmod(folder, 0o755)
    await rename(folder, storedFolder(store, fetched.digest)).catch(async (error: unknown) => {
      // Somebody else has put the same files there meanwhile.
      if (!(await isStored(store, fetched.digest))) throw error
    })
    return ok({ ...fetched, bytes })
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

async function askNpm(store: PackageStore, order: NpmOrder): Promise<NpmAnswer> {
  const child = fork(join(import.meta.dirname, 'npm-main.ts'), {
    env: { ...npmEnvironment(), HOME: order.folder, NODE_ENV: 'production' },
    execArgv: ['--max-old-space-size=768'],
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
  })
  const said = Promise.withResolvers<NpmAnswer>()
  const end = (problem: PackageProblem) => {
    said.resolve({ ok: false, problem })
    child.kill('SIGKILL')
  }
  const { name, version, folder } = order
  const ms = store.wholeMs ?? wholeMsStandard
  const late = setTimeout(() => {
    const message = `${name}@${version} was not fetched within ${ms / 1000} s.`
    end({ field: 'registry', rule: 'too_slow', message })
  }, ms)
  // Archives lie there twice for a while: as they came, and unpacked.
  const watch = setInterval(() => {
    void measure(folder).then(({ bytes, files }) => {
      if (bytes > 2 * bytesMaxOf(store) || files > filesMax) end(tooLarge(store, order))
    })
  }, everyMs)
  child.on('message', (answer) => said.resolve(answer as NpmAnswer))
  child.on('error', (error) =>
    end({ field: 'name', rule: 'not_fetched', message: `npm could not be started: ${error.message}` }),
  )
  const gone = new Promise<void>((resolve) => child.once('close', () => resolve()))
  void gone.then(() =>
    end({ field: 'name', rule: 'not_fetched', message: `${name}@${version} could not be fetched: npm ended early.` }),
  )
  child.send(order)
  try {
    return await said.promise
  } finally {
    clearTimeout(late)
    clearInterval(watch)
    // It may be writing until it has ended.
    await gone
  }
}

type Measured = { bytes: number; files: number }

async function measure(folder: string): Promise<Measured> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => [])
  let bytes = 0
  for (const entry of entries) {
    if (entry.isFile()) bytes += (await lstat(join(entry.parentPath, entry.name)).catch(() => null))?.size ?? 0
  }
  return { bytes, files: entries.length }
}

/** Readable for everybody, writable for nobody, and no bit that would give rights. */
async function settle(folder: string): Promise<number> {
  let bytes = 0
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name)
    if (entry.isDirectory()) await chmod(path, 0o755)
    else if (entry.isFile()) {
      const { mode, size } = await lstat(path)
      bytes += size
      await chmod(path, mode & 0o111 ? 0o555 : 0o444)
    }
  }
  return bytes
}

async function removeLeftBehind(folder: string): Promise<void> {
  const names = (await readdir(folder)).filter((name) => name.startsWith(begun))
  for (const path of names.map((name) => join(folder, name))) {
    const info = await stat(path).catch(() => null)
    if (info && Date.now() - info.mtimeMs > leftBehindMs) await rm(path, { recursive: true, force: true })
  }
}

function bytesMaxOf({ bytesMax = bytesMaxStandard }: PackageStore): number {
  return bytesMax
}

function tooLarge(store: PackageStore, { name, version }: { name: string; version: string }): PackageProblem {
  const message = `${name}@${version} with all it depends on is larger than ${Math.floor(bytesMaxOf(store) / (1 << 20))} MB or has more than ${filesMax} files.`
  return { field: 'version', rule: 'too_large', message }
}
