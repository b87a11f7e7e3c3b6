import { mkdir, readdir, readFile, rmdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Cgroup, type CgroupFolders, type CgroupLimits, removeGroup } from './cgroup.ts'
import { type Controller, controllers, type OwnGroups, readOwnGroups } from './mounts.ts'

/** The groups below which sandboxes get theirs; a controller that is missing here cannot be used on this host. */
export type CgroupParents = CgroupFolders

/**
 * Finds out by trying which controllers this process may use: it makes a group, limits it and removes it again. An unusable controller
 * is left out, so what remains is enforced for certain. `parent` names a delegated v2 group to use instead of looking.
 */
export async function findCgroupParents(options: { name: string; parent?: string }): Promise<CgroupParents> {
  const own = await readOwnGroups()
  const found: CgroupParents = {}
  for (const controller of controllers) {
    const path = own.v1[controller]
    if (path && (await isUsable({ [controller]: { version: 1, path } }, options.name)))
      found[controller] = { version: 1, path }
  }
  for (const path of v2Candidates(own, options.parent)) {
    await enableControllers(path)
    if (!found.kill && (await isUsable({ kill: path }, options.name))) found.kill = path
    for (const controller of controllers) {
      if (found[controller] || !(await isUsable({ [controller]: { version: 2, path } }, options.name))) continue
      found[controller] = { version: 2, path }
    }
  }
  return found
}

/** Makes and limits one sandbox's group; null where no controller is usable. */
export async function createCgroup(
  parents: CgroupParents,
  options: { name: string; limits: CgroupLimits },
): Promise<Cgroup | null> {
  const group = new Cgroup(below(parents, options.name))
  if (!group.paths.length) return null
  try {
    for (const path of group.paths) await mkdir(path)
    await group.limit(options.limits)
  } catch (error) {
    for (const path of group.paths) await rmdir(path).catch(() => {})
    throw error
  }
  return group
}

/** Groups an earlier process left behind: what is in them is killed, then they are removed. Returns their names. */
export async function reapCgroups(parents: CgroupParents, prefix: string): Promise<string[]> {
  const names = new Set<string>()
  for (const parent of new Cgroup(parents).paths) {
    for (const name of await readdir(parent).catch(() => [])) if (name.startsWith(prefix)) names.add(name)
  }
  for (const name of names) {
    const group = new Cgroup(below(parents, name))
    for (let rounds = 0; rounds < 100 && (await group.members()).length; rounds++) await group.kill()
    for (const path of group.paths) await removeGroup(path)
  }
  return [...names]
}

function below(parents: CgroupParents, name: string): CgroupFolders {
  const folders: CgroupFolders = {}
  for (const controller of controllers) {
    const parent = parents[controller]
    if (parent) folders[controller] = { ...parent, path: join(parent.path, name) }
  }
  if (parents.kill) folders.kill = join(parents.kill, name)
  return folders
}

function v2Candidates(own: OwnGroups, given: string | undefined): string[] {
  if (given) return [given]
  return own.v2 ? [...new Set([own.v2.own, own.v2.root])] : []
}

/** A v2 group hands controllers to its children only when told; EBUSY means it holds processes itself, which v2 forbids. */
async function enableControllers(path: string): Promise<void> {
  const offered = (await readFile(join(path, 'cgroup.controllers'), 'utf8').catch(() => '')).split(/\s+/)
  for (const controller of controllers) {
    if (offered.includes(controller))
      await writeFile(join(path, 'cgroup.subtree_control'), `+${controller}`).catch(() => {})
  }
}

async function isUsable(parents: CgroupParents, name: string): Promise<boolean> {
  const limits: CgroupLimits = { memoryBytes: 64 << 20, processes: 8, cpus: 1 }
  try {
    const group = await createCgroup(parents, { name: `${name}-trial`, limits })
    const has = !parents.kill || (await readdir(group!.paths[0]!)).includes('cgroup.kill')
    await group?.remove()
    return has
  } catch {
    return false
  }
}

export function enforcedBy(parents: CgroupParents, controller: Controller): 'cgroup v1' | 'cgroup v2' | null {
  const parent = parents[controller]
  return parent ? `cgroup v${parent.version}` : null
}
