import { fork } from 'node:child_process'
import { lstat, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { npmEnvironment } from '#lib/config/packages.ts'
import type { PackageProblem, PackageProgress } from '../schema/packages.ts'
import type { PackageLock } from './lock.ts'

export type Wanted = { name: string; version: string; locked: { lock: PackageLock; digest: string } | null }
export type NpmOrder = Wanted & { folder: string; registry: string; token: string | null }
export type NpmFetched = {
  integrity: string
  digest: string
  lock: PackageLock
  packages: number
  scripts: string[]
}
export type NpmAnswer = ({ ok: true } & NpmFetched) | { ok: false; problem: PackageProblem }
/** How many packages it is going to fetch; then how that ended. */
export type NpmSays = { packages: number } | { answer: NpmAnswer }

export type NpmLimits = { bytesMax: number; filesMax: number; wholeMs: number }

const everyMs = 500

/**
 * Lets npm's library fetch what is wanted into a folder, in a process that is ended when it takes too much. It has no secret of this
 * process but the registry's token, can start no other, and writes nothing outside of the folder, whatever an archive says.
 */
export async function askNpm(
  order: NpmOrder,
  { limits, onProgress }: { limits: NpmLimits; onProgress: (progress: PackageProgress) => void },
): Promise<NpmAnswer> {
  const child = fork(join(import.meta.dirname, 'npm-main.ts'), {
    env: { ...npmEnvironment(), HOME: order.folder, NODE_ENV: 'production' },
    execArgv: [
      '--max-old-space-size=768',
      '--permission',
      '--allow-fs-read=*',
      `--allow-fs-write=${order.folder}`,
      '--disable-warning=SecurityWarning',
    ],
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
  })
  const said = Promise.withResolvers<NpmAnswer>()
  const end = (problem: PackageProblem) => {
    said.resolve({ ok: false, problem })
    child.kill('SIGKILL')
  }
  const { name, version, folder } = order
  const late = setTimeout(() => {
    const message = `${name}@${version} was not fetched within ${limits.wholeMs / 1000} s.`
    end({ field: 'registry', reason: 'too_slow', message })
  }, limits.wholeMs)
  let packages: number | null = null
  const look = async (): Promise<void> => {
    const { bytes, files } = await measure(folder)
    // Archives lie there twice for a while: as they came, and unpacked.
    if (bytes > 2 * limits.bytesMax || files > 2 * limits.filesMax) end(tooLarge(order, limits))
    else onProgress({ packages, bytes })
  }
  let looking = Promise.resolve()
  let isLooking = false
  const watch = setInterval(() => {
    if (isLooking) return
    isLooking = true
    looking = look().finally(() => (isLooking = false))
  }, everyMs)
  child.on('message', (message) => {
    const says = message as NpmSays
    if ('answer' in says) said.resolve(says.answer)
    else packages = says.packages
  })
  child.on('error', (error) =>
    end({ field: 'name', reason: 'not_fetched', message: `npm could not be started: ${error.message}` }),
  )
  const gone = new Promise<void>((resolve) => child.once('close', () => resolve()))
  void gone.then(() =>
    end({ field: 'name', reason: 'not_fetched', message: `${name}@${version} could not be fetched: npm ended early.` }),
  )
  child.send(order, () => {})
  try {
    return await said.promise
  } finally {
    clearTimeout(late)
    clearInterval(watch)
    // It may be writing until it has ended.
    await gone
    await looking
  }
}

async function measure(folder: string): Promise<{ bytes: number; files: number }> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => [])
  let bytes = 0
  for (const entry of entries) {
    if (entry.isFile()) bytes += (await lstat(join(entry.parentPath, entry.name)).catch(() => null))?.size ?? 0
  }
  return { bytes, files: entries.length }
}

export function tooLarge(
  { name, version }: Pick<Wanted, 'name' | 'version'>,
  { bytesMax, filesMax }: NpmLimits,
): PackageProblem {
  const message = `${name}@${version} with all it depends on is larger than ${Math.floor(bytesMax / (1 << 20))} MB or has more than ${filesMax} files.`
  return { field: 'version', reason: 'too_large', message }
}
