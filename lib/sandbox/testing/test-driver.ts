import { randomBytes } from 'node:crypto'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createBwrapDriver } from '../bwrap/driver.ts'
import { labelledProcesses } from '../bwrap/processes.ts'
import type { SandboxDriver, SandboxLimits } from '../driver.ts'

export const testLimits: SandboxLimits = {
  memoryBytes: 256 << 20,
  processes: 128,
  cpus: 1,
  diskBytes: 32 << 20,
  scratchBytes: 8 << 20,
  openFiles: 512,
  fileBytes: 24 << 20,
  cpuSeconds: 30,
}

export type TestDriver = {
  driver: SandboxDriver
  folder: string
  start(limits?: Partial<SandboxLimits>): Promise<{ driver: SandboxDriver; id: string; workspace: string }>
  /** Ends all of it and throws when anything is left on the host. */
  end(): Promise<void>
}

/** A real driver in a folder of its own, for tests. */
export async function testDriver(): Promise<TestDriver> {
  const folder = await mkdtemp(join(tmpdir(), 'wheelhouse-sandbox-'))
  const driver = createBwrapDriver({ folder })
  return {
    driver,
    folder,
    async start(limits = {}) {
      const id = `t${randomBytes(5).toString('hex')}`
      await driver.create({ id, workspace: id, limits: { ...testLimits, ...limits } })
      return { driver, id, workspace: id }
    },
    async end() {
      for (const { id } of await driver.list()) await driver.kill(id)
      const left = await leftovers(driver, folder)
      await rm(folder, { recursive: true, force: true })
      if (left.length) throw new Error(`left behind: ${left.join(', ')}`)
    },
  }
}

/** Processes, control groups and attached volumes that belong to the driver's folder. */
export async function leftovers(driver: SandboxDriver, folder: string): Promise<string[]> {
  const label = driver.label
  const processes = (await labelledProcesses(label)).map(({ pid, id }) => `process ${pid} of ${id}`)
  const mounts = (await readFile('/proc/self/mountinfo', 'utf8')).split('\n').filter((line) => line.includes(folder))
  const devices = await readdir('/sys/block').catch(() => [])
  const files = await Promise.all(
    devices.map((name) => readFile(`/sys/block/${name}/loop/backing_file`, 'utf8').catch(() => '')),
  )
  const groups = await groupsNamed(label)
  return [...processes, ...mounts, ...groups, ...files.filter((file) => file.includes(folder))]
}

async function groupsNamed(label: string): Promise<string[]> {
  const entries = await readdir('/sys/fs/cgroup', { recursive: true }).catch(() => [])
  return entries.filter((path) => path.includes(`wheelhouse-${label}-`) && !path.split('/').at(-1)!.includes('.'))
}
