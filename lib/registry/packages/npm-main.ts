import { access, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Arborist } from '@npmcli/arborist'
import type { PackageProblem } from '../schema/packages.ts'
import { type LockEntry, lockDigest, lockEntries, lockProblem, nameAt, packageLock } from './lock.ts'
import type { NpmAnswer, NpmOrder, NpmSays } from './npm.ts'
import { integrityProblem, problemOf } from './npm-errors.ts'

/** Fetches one package into an empty folder with npm's own library, in a process of its own that can write there alone and start no other. */
process.once('message', (order) => {
  void answer(order as NpmOrder).then((answer) => process.send!({ answer } satisfies NpmSays, () => process.exit(0)))
})
process.on('disconnect', () => process.exit(1))

async function answer(order: NpmOrder): Promise<NpmAnswer> {
  try {
    return await fetchInto(order)
  } catch (error) {
    return { ok: false, problem: problemOf(error, order) }
  }
}

async function fetchInto({ folder, registry, token, name, version, locked }: NpmOrder): Promise<NpmAnswer> {
  const own = { name: 'package-of-a-server', version: '1.0.0', private: true, dependencies: { [name]: version } }
  await writeFile(join(folder, 'package.json'), JSON.stringify(own))
  if (locked) await writeFile(join(folder, 'package-lock.json'), JSON.stringify(locked.lock))
  const arborist = new Arborist({
    path: folder,
    registry,
    // npm's own way to say for which address a token is, and for no other.
    ...(token === null ? {} : { [`${registry.replace(/^https?:/i, '')}:_authToken`]: token }),
    cache: join(folder, '.cache'),
    // Archives come from the registry that was set, whatever it says of where they are.
    replaceRegistryHost: 'always',
    ignoreScripts: true,
    binLinks: false,
    allowGit: 'none',
    allowRemote: 'none',
    allowFile: 'none',
    allowDirectory: 'none',
    omit: ['dev'],
    umask: 0o022,
    fetchRetries: 1,
    fetchTimeout: 30_000,
    audit: false,
    fund: false,
  })
  const lock = packageLock.parse((await arborist.buildIdealTree()).meta.commit())
  const refused = lockProblem(lock, { name, version })
  if (refused) return { ok: false, problem: refused }
  const digest = lockDigest(lock)
  if (locked && locked.digest !== digest) {
    const message = 'What its lock says leads to other packages than were recorded.'
    return { ok: false, problem: { field: 'dependencies', reason: 'other_lock', message } }
  }
  process.send!({ packages: lockEntries(lock).length } satisfies NpmSays)
  try {
    await arborist.reify()
  } catch (error) {
    const problem = integrityProblem(error, { name, registry, lock })
    if (problem) return { ok: false, problem }
    throw error
  }
  const missing = await whatIsMissing(folder, lockEntries(lock))
  if (missing) return { ok: false, problem: missing }
  const scripts = lockEntries(lock).flatMap(([path, { hasInstallScript }]) => (hasInstallScript ? [nameAt(path)] : []))
  const integrity = lock.packages[`node_modules/${name}`]?.integrity ?? ''
  return {
    ok: true,
    integrity: /sha512-\S+/.exec(integrity)![0],
    digest,
    lock,
    packages: lockEntries(lock).length,
    scripts: [...new Set(scripts)].slice(0, 50),
  }
}

/** npm leaves out quietly what is optional and cannot be had; what is for another machine may be missing. */
async function whatIsMissing(folder: string, entries: [string, LockEntry][]): Promise<PackageProblem | null> {
  for (const [path, { optional, os, cpu, libc }] of entries) {
    const inside = join(folder, path)
    const isElsewhere = optional && (os !== undefined || cpu !== undefined || libc !== undefined)
    if (!isElsewhere && !(await has(join(inside, 'package.json')))) {
      const message = `${nameAt(path)}, which it depends on, could not be fetched.`
      return { field: 'dependencies', reason: 'not_fetched', message }
    }
    if (!optional && (await has(join(inside, 'binding.gyp'))) && !(await has(join(inside, 'prebuilds')))) {
      const message = `${nameAt(path)} is native code that its install script would build or fetch, and install scripts are never run. Build it into the server’s folder, and register the program that is there.`
      return { field: 'dependencies', reason: 'needs_scripts', message }
    }
  }
  return null
}

async function has(path: string): Promise<boolean> {
  return await access(path).then(
    () => true,
    () => false,
  )
}
