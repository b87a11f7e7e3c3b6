import { readFile } from 'node:fs/promises'
import { join, relative } from 'node:path'

export const controllers = ['memory', 'pids', 'cpu'] as const
export type Controller = (typeof controllers)[number]

/** Where this process's own control group is in each hierarchy: v1 controllers apart, and the v2 tree if there is one. */
export type OwnGroups = { v1: Partial<Record<Controller, string>>; v2: { own: string; root: string } | null }

export async function readOwnGroups(): Promise<OwnGroups> {
  const [mountInfo, groups] = await Promise.all([
    readFile('/proc/self/mountinfo', 'utf8'),
    readFile('/proc/self/cgroup', 'utf8'),
  ]).catch(() => ['', ''] as const)
  return parseOwnGroups(mountInfo, groups)
}

/** @param mountInfo and groups: the texts of /proc/self/mountinfo and /proc/self/cgroup (proc(5), cgroups(7)) */
export function parseOwnGroups(mountInfo: string, groups: string): OwnGroups {
  const found: OwnGroups = { v1: {}, v2: null }
  const mounts = mountInfo.split('\n').flatMap(parseMount)
  for (const line of groups.split('\n')) {
    const [id, names, path] = splitGroup(line)
    if (path === undefined) continue
    const isV2 = id === '0' && names === ''
    for (const mount of mounts) {
      if (isV2 && mount.type === 'cgroup2') found.v2 ??= { own: place(mount, path), root: mount.point }
      if (isV2 || mount.type !== 'cgroup') continue
      const held = controllers.filter((name) => names!.split(',').includes(name) && mount.options.includes(name))
      for (const controller of held) found.v1[controller] ??= place(mount, path)
    }
  }
  return found
}

type Mount = { root: string; point: string; type: string; options: string[] }

function parseMount(line: string): Mount[] {
  const [before, after] = line.split(' - ')
  if (!before || !after) return []
  const [, , , root, point] = before.split(' ')
  const [type, , options] = after.split(' ')
  return root && point && type ? [{ root, point, type, options: (options ?? '').split(',') }] : []
}

function splitGroup(line: string): (string | undefined)[] {
  const [id, names, ...rest] = line.split(':')
  return [id, names, rest.length ? rest.join(':') : undefined]
}

/** In a container the mount shows a subtree: the part of the path above it is not there. */
function place(mount: Mount, path: string): string {
  const below = relative(mount.root, path)
  return below.startsWith('..') ? mount.point : join(mount.point, below)
}
