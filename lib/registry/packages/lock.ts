import { z } from 'zod'
import { digestOf } from '#lib/core/canonical-json.ts'
import type { PackageProblem } from '../schema/packages.ts'

const entry = z.looseObject({
  name: z.string().optional(),
  version: z.string().optional(),
  integrity: z.string().optional(),
  link: z.boolean().optional(),
  inBundle: z.boolean().optional(),
  optional: z.boolean().optional(),
  hasInstallScript: z.boolean().optional(),
  os: z.unknown().optional(),
  cpu: z.unknown().optional(),
  libc: z.unknown().optional(),
})
/** Of a package-lock.json of version 3, what says which files a package is made of. */
export const packageLock = z.looseObject({ lockfileVersion: z.literal(3), packages: z.record(z.string(), entry) })
export type PackageLock = z.infer<typeof packageLock>
export type LockEntry = z.infer<typeof entry>

/** What a lock holds besides the folder it is for. */
export function lockEntries({ packages }: PackageLock): [path: string, entry: LockEntry][] {
  return Object.entries(packages).filter(([path]) => path !== '')
}

/** What the package in a folder of the lock is imported as. */
export function nameAt(path: string): string {
  return path.split('node_modules/').at(-1)!
}

/** Names the files, and not where they were fetched from. */
export function lockDigest(lock: PackageLock): string {
  const files = lockEntries(lock).map(([path, { name, version, integrity }]) => [path, { name, version, integrity }])
  return digestOf(Object.fromEntries(files))
}

/** Why a lock does not say every file that is installed by it; null: it does. What is bundled is in the archive of the package around it. */
export function lockProblem(
  lock: PackageLock,
  { name, version }: { name: string; version: string },
): PackageProblem | null {
  const own = lock.packages[`node_modules/${name}`]
  if (own?.version !== version || (own.name ?? name) !== name) {
    const found = own ? `${own.name ?? name}@${own.version}` : 'nothing'
    const message = `Asked for ${name}@${version}, the registry gives ${found}.`
    return { field: 'version', reason: 'unknown_version', message }
  }
  for (const [path, { link, inBundle, integrity }] of lockEntries(lock)) {
    const field = path === `node_modules/${name}` ? ('version' as const) : ('dependencies' as const)
    const what = nameAt(path)
    if (link) {
      const message = `${what} is a link to a folder: only packages of the registry are taken.`
      return { field, reason: 'foreign_source', message }
    }
    if (!inBundle && !/\bsha512-/.test(integrity ?? '')) {
      const message = `The registry gives no sha512 integrity (dist.integrity) for ${what}, so nobody could tell its files from others.`
      return { field, reason: 'no_integrity', message }
    }
  }
  return null
}
