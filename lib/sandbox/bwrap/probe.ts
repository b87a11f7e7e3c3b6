import { randomBytes } from 'node:crypto'
import { readdir, readlink } from 'node:fs/promises'
import { homedir } from 'node:os'
import { type CgroupParents, enforcedBy } from '../cgroup/cgroups.ts'
import {
  type Enforcement,
  isolationProperties,
  type IsolationProperty,
  type Probe,
  type SandboxDriver,
  type SandboxLimits,
} from '../driver.ts'
import type { Look } from '../inside/look.ts'
import { runInSandbox } from '../run.ts'
import type { Abilities } from './abilities.ts'
import { insidePaths } from './base.ts'
import { labelVariable } from './launch.ts'

/** Of the trial sandbox's id and workspace; no session is called so. */
export const probePrefix = 'probe-'

type Ready = { abilities: Abilities; parents: CgroupParents }

const limits: SandboxLimits = {
  memoryBytes: 160 << 20,
  processes: 64,
  cpus: 1,
  diskBytes: 16 << 20,
  scratchBytes: 4 << 20,
  openFiles: 256,
  fileBytes: 64 << 20,
  cpuSeconds: 20,
}
const separateNamespaces = ['user', 'pid', 'net', 'mnt', 'ipc', 'uts', 'cgroup']
const noIsolation = Object.fromEntries(isolationProperties.map((name) => [name, false])) as Probe['isolation']
const nothing: Enforcement = { memory: null, processes: null, cpu: null, disk: null }

/** Starts a sandbox, looks around in it, strains its limits, and says what held. */
export async function probeDriver(options: {
  driver: SandboxDriver
  ready: () => Promise<Ready>
  folder: string
}): Promise<Probe> {
  const { driver } = options
  const id = `${probePrefix}${randomBytes(4).toString('hex')}`
  const failed: Probe = {
    driver: driver.name,
    version: null,
    problems: [],
    isolation: noIsolation,
    ownHostUser: false,
    enforces: nothing,
    startMs: null,
  }
  try {
    const { abilities, parents } = await options.ready()
    const { startMs } = await driver.create({ id, workspace: id, limits })
    const isolation = await look(driver, id, options.folder)
    const enforces = await strain(driver, id, { abilities, parents })
    const problems = isolationProperties.filter((name) => !isolation[name]).map((name) => `Isolation failed: ${name}.`)
    const ownHostUser = abilities.firstUid !== null
    return { driver: driver.name, version: abilities.version, problems, isolation, ownHostUser, enforces, startMs }
  } catch (error) {
    return { ...failed, problems: [error instanceof Error ? error.message : String(error)] }
  } finally {
    await driver.kill(id).catch(() => {})
    await driver.discard(id).catch(() => {})
  }
}

async function look(driver: SandboxDriver, id: string, folder: string): Promise<Record<IsolationProperty, boolean>> {
  const inside = new Set(['/', '/tmp', '/opt', '/workspace', '/usr', '/etc', '/dev', '/proc'])
  const hostPaths = [
    folder,
    homedir(),
    process.cwd(),
    '/root',
    '/home',
    '/var',
    '/run',
    '/sys',
    '/srv',
    '/boot',
    '/usr/local',
    '/etc/shadow',
  ]
  const question = JSON.stringify({ hostPaths: hostPaths.filter((path) => !inside.has(path)) })
  const outcome = await runInSandbox(driver, id, {
    argv: [insidePaths.node, `${insidePaths.programs}/look.mjs`, question],
    timeoutMs: 15_000,
    keepBytes: 1 << 20,
  })
  if (outcome.exit.kind !== 'exited' || outcome.exit.code !== 0)
    throw new Error(`The trial sandbox did not answer: ${outcome.stderr.toString().slice(0, 500)}`)
  const seen = JSON.parse(outcome.stdout.toString()) as Look
  const own = await ownNamespaces()
  const { status } = seen
  return {
    ownNamespaces: separateNamespaces.every((name) => seen.namespaces[name] && seen.namespaces[name] !== own[name]),
    noNetwork: seen.interfaces.every((name) => name === 'lo'),
    noHostFiles: seen.hostPaths.length === 0,
    noHostEnvironment: seen.firstEnvironment.every((variable) => variable.startsWith(`${labelVariable}=`)),
    noHostProcesses: seen.processes < 10,
    noCapabilities: ['CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb'].every((name) => /^0+$/.test(status[name] ?? '')),
    noNewPrivileges: status['NoNewPrivs'] === '1',
    systemCallFilter: status['Seccomp'] === '2',
    noNestedNamespaces: !seen.nested,
    readOnlyRoot: seen.writable.length === 0,
  }
}

async function strain(driver: SandboxDriver, id: string, { abilities, parents }: Ready): Promise<Enforcement> {
  const holds = async (kind: string, amount: number): Promise<boolean> => {
    const argv = [insidePaths.node, `${insidePaths.programs}/strain.mjs`, kind, String(amount)] as const
    const outcome = await runInSandbox(driver, id, { argv, timeoutMs: 20_000, keepBytes: 4096 })
    return outcome.ended === null && outcome.stdout.toString() !== 'broken'
  }
  const disk = abilities.volumes && (await holds('disk', 32)) ? 'volume' : null
  const processes = (await holds('processes', 128)) ? (enforcedBy(parents, 'pids') ?? 'rlimit') : null
  const memory = (await holds('memory', 640)) ? (enforcedBy(parents, 'memory') ?? 'per process') : null
  return { memory, processes, cpu: enforcedBy(parents, 'cpu'), disk }
}

async function ownNamespaces(): Promise<Record<string, string>> {
  const names = await readdir('/proc/self/ns')
  const links = await Promise.all(names.map(async (name) => [name, await readlink(`/proc/self/ns/${name}`)] as const))
  return Object.fromEntries(links)
}
