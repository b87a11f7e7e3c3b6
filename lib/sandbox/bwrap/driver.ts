import { createHash } from 'node:crypto'
import { mkdir, rm } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { DomainError, invariant } from '#lib/core/errors.ts'
import { type CgroupParents, createCgroup, findCgroupParents, reapCgroups } from '../cgroup/cgroups.ts'
import type {
  KillReport,
  Probe,
  ReapReport,
  SandboxDriver,
  SandboxFile,
  SandboxLimits,
  SandboxSpec,
} from '../driver.ts'
import { getFiles, putFiles } from '../files.ts'
import { buildBase } from './base.ts'
import { type Abilities, findAbilities } from './abilities.ts'
import { launch } from './launch.ts'
import { probeDriver, probePrefix } from './probe.ts'
import { killProcess, labelledProcesses } from './processes.ts'
import { BwrapSandbox } from './sandbox.ts'
import { workspaceName, Workspaces } from './workspaces.ts'

export type BwrapOptions = {
  /** Private to this driver and to this installation; made if missing. */
  folder: string
  /** A delegated cgroup v2 group, instead of the one found by looking. */
  cgroup?: string
}

type Ready = {
  abilities: Abilities
  base: { folder: string; filter: string }
  parents: CgroupParents
  workspaces: Workspaces
}

const sandboxId = /^[a-z0-9](?:-?[a-z0-9]){0,40}$/

/** The bubblewrap driver: works as root, with a host user per workspace, and unprivileged where the kernel allows user namespaces. */
export function createBwrapDriver(options: BwrapOptions): SandboxDriver {
  const folder = resolve(options.folder)
  const label = createHash('sha256').update(folder).digest('hex').slice(0, 12)
  const groupPrefix = `wheelhouse-${label}-`
  const live = new Map<string, BwrapSandbox>()
  /** Id to workspace of everything alive or being made: taken before the first wait, so that two at once cannot both have it. */
  const taken = new Map<string, string>()
  let readying: Promise<Ready> | undefined

  async function makeReady(): Promise<Ready> {
    for (const name of ['', 'scratch']) await mkdir(join(folder, name), { recursive: true, mode: 0o700 })
    const base = await buildBase(join(folder, 'base'))
    if (!base)
      throw new DomainError('unavailable', `There is no system call filter for ${process.arch}: use x64 or arm64.`)
    const abilities = await findAbilities({ scratchFolder: join(folder, 'scratch'), avoid: [folder, process.execPath] })
    if (abilities.problems.length) throw new DomainError('unavailable', abilities.problems.join(' '))
    const parents = await findCgroupParents({
      name: groupPrefix,
      ...(options.cgroup ? { parent: options.cgroup } : {}),
    })
    const { volumes, firstUid } = abilities
    const workspaces = new Workspaces({
      folder: join(folder, 'workspaces'),
      kind: volumes ? 'volume' : 'folder',
      firstUid,
    })
    await workspaces.prepare()
    return { abilities, base, parents, workspaces }
  }

  function ready(): Promise<Ready> {
    readying ??= makeReady().catch((error: unknown) => {
      readying = undefined
      throw error
    })
    return readying
  }

  function find(id: string): BwrapSandbox {
    const sandbox = live.get(id)
    if (!sandbox) throw new DomainError('not_found', 'This sandbox does not exist any more.')
    return sandbox
  }

  async function create(spec: SandboxSpec): Promise<BwrapSandbox> {
    invariant(sandboxId.test(spec.id) && workspaceName.test(spec.workspace), 'sandbox and workspace names are plain')
    if (taken.has(spec.id) || [...taken.values()].includes(spec.workspace))
      throw new DomainError('conflict', 'Another sandbox has this id or this workspace.')
    taken.set(spec.id, spec.workspace)
    try {
      const sandbox = await start(spec)
      live.set(spec.id, sandbox)
      await sandbox.started()
      return sandbox
    } catch (error) {
      taken.delete(spec.id)
      throw error
    }
  }

  async function start(spec: SandboxSpec): Promise<BwrapSandbox> {
    const { abilities, base, parents, workspaces } = await ready()
    const workspace = await workspaces.open(spec.workspace, spec.limits.diskBytes)
    const cgroup = await createCgroup(parents, { name: `${groupPrefix}${spec.id}`, limits: spec.limits })
    const { id, limits } = spec
    const joinFiles = cgroup?.joinFiles ?? []
    const scratchFolder = join(folder, 'scratch')
    const launched = await launch({
      id,
      label,
      base,
      workspace,
      limits,
      programFolder: spec.programFolder ?? null,
      joinFiles,
      stage: abilities.stage,
      scratchFolder,
    })
    const onEnd = (): void => {
      live.delete(id)
      taken.delete(id)
    }
    return new BwrapSandbox({ spec, launched, cgroup, prelude: prelude(limits, parents), onEnd })
  }

  async function kill(id: string): Promise<KillReport> {
    const sandbox = live.get(id)
    if (!sandbox) return { id, processes: 0, survivors: [], ms: 0 }
    const report = await sandbox.kill()
    const { workspaces } = await ready()
    await workspaces.released(sandbox.spec.workspace)
    return report
  }

  async function reap(): Promise<ReapReport> {
    const { parents, workspaces } = await ready()
    const found = await labelledProcesses(label)
    for (const { pid } of found) killProcess(pid)
    for (let rounds = 0; rounds < 500 && (await labelledProcesses(label)).length; rounds++) await sleep(10)
    const groups = await reapCgroups(parents, groupPrefix)
    await rm(join(folder, 'scratch'), { recursive: true, force: true })
    await mkdir(join(folder, 'scratch'), { mode: 0o700 })
    for (const { workspace } of await workspaces.list()) {
      if (workspace.startsWith(probePrefix)) await workspaces.discard(workspace)
    }
    const ids = [...found.map(({ id }) => id), ...groups.map((name) => name.slice(groupPrefix.length))]
    return { sandboxes: [...new Set(ids)], processes: found.length }
  }

  const driver: SandboxDriver = {
    name: 'bwrap',
    label,
    probe: (): Promise<Probe> => probeDriver({ driver, ready, folder }),
    create: async (spec) => (await create(spec)).info,
    exec: async (id, spec) => find(id).exec(spec),
    putFiles: async (id, files) => await putFiles(driver, id, files),
    getFiles: async (id, paths, { bytesMax }): Promise<SandboxFile[]> =>
      await getFiles(driver, id, { paths, bytesMax }),
    stats: async (id) => await find(id).stats(),
    kill,
    list: async () => [...live.values()].map(({ info }) => info),
    discard: async (workspace) => await (await ready()).workspaces.discard(workspace),
    workspaces: async () => await (await ready()).workspaces.list(),
    reap,
  }
  return driver
}

/** Node sets this much address space aside before its first line (24.21, measured), without using it. */
const nodeReserveBytes = 560 << 20

/** Limits that are counted inside, taken by every program before it begins; in a crowded sandbox its programs go first. */
function prelude(limits: SandboxLimits, parents: CgroupParents): string {
  const taken = [`ulimit -t ${limits.cpuSeconds}`, `ulimit -u ${limits.processes}`]
  if (!parents.memory) taken.push(`ulimit -d ${Math.floor((limits.memoryBytes + nodeReserveBytes) / 1024)}`)
  return [...taken, 'echo 900 > /proc/self/oom_score_adj'].join('; ')
}
