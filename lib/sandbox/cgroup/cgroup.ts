import { readFile, rmdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Controller } from './mounts.ts'

export type CgroupLimits = { memoryBytes: number; processes: number; cpus: number }
export type CgroupUsage = {
  memoryBytes: number | null
  cpuMs: number | null
  /** How often the kernel killed a member because the memory limit was reached. */
  memoryKills: number
}
export type CgroupFolders = Partial<Record<Controller, { version: 1 | 2; path: string }>> & {
  /** A v2 group: it has `cgroup.kill`, even where the controllers are still v1. */
  kill?: string
}

const cpuPeriodUs = 100_000

/** One sandbox's control group, whichever version the host speaks: a folder per v1 controller, or one v2 folder for everything. */
export class Cgroup {
  readonly folders: CgroupFolders

  constructor(folders: CgroupFolders) {
    this.folders = folders
  }

  get paths(): string[] {
    const { kill, ...limited } = this.folders
    return [...new Set([...Object.values(limited).map(({ path }) => path), ...(kill ? [kill] : [])])]
  }

  /** The launcher writes its own process id to each, before it becomes the sandbox. */
  get joinFiles(): string[] {
    return this.paths.map((path) => join(path, 'cgroup.procs'))
  }

  async limit(limits: CgroupLimits): Promise<void> {
    const { memory, pids, cpu } = this.folders
    if (memory) await limitMemory(memory, limits.memoryBytes)
    if (pids) await writeFile(join(pids.path, 'pids.max'), String(limits.processes))
    const quota = Math.max(1000, Math.round(limits.cpus * cpuPeriodUs))
    if (cpu?.version === 1) await writeFile(join(cpu.path, 'cpu.cfs_quota_us'), String(quota))
    if (cpu?.version === 2) await writeFile(join(cpu.path, 'cpu.max'), `${quota} ${cpuPeriodUs}`)
  }

  async members(): Promise<number[]> {
    const lists = await Promise.all(this.joinFiles.map((file) => readFile(file, 'utf8').catch(() => '')))
    return [...new Set(lists.flatMap((list) => list.split('\n').filter(Boolean).map(Number)))]
  }

  /** Kills every member at once where the kernel can (v2), and by looking until nobody is left. */
  async kill(): Promise<void> {
    if (this.folders.kill) await writeFile(join(this.folders.kill, 'cgroup.kill'), '1').catch(() => {})
    for (const pid of await this.members()) {
      try {
        process.kill(pid, 'SIGKILL')
      } catch {
        // Gone in the meantime.
      }
    }
  }

  async usage(): Promise<CgroupUsage> {
    const { memory, cpu } = this.folders
    return {
      memoryBytes: memory
        ? await number(memory.path, memory.version === 1 ? 'memory.usage_in_bytes' : 'memory.current')
        : null,
      cpuMs: cpu ? await cpuMs(cpu) : null,
      memoryKills: memory ? await memoryKills(memory) : 0,
    }
  }

  /** Removes the folders; the kernel refuses while a member is still dying, so it is asked again for up to two seconds. */
  async remove(): Promise<void> {
    for (const path of this.paths) await removeGroup(path)
  }
}

export async function removeGroup(path: string): Promise<void> {
  for (let waitedMs = 0; ; waitedMs += 20) {
    try {
      return await rmdir(path)
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      if (code === 'ENOENT') return
      if (code !== 'EBUSY' || waitedMs >= 2000) throw error
      await sleep(20)
    }
  }
}

async function limitMemory(memory: { version: 1 | 2; path: string }, bytes: number): Promise<void> {
  if (memory.version === 2) {
    await writeFile(join(memory.path, 'memory.max'), String(bytes))
    // Without swap accounting the file is missing, and then there is nothing to limit.
    return await writeFile(join(memory.path, 'memory.swap.max'), '0').catch(() => {})
  }
  await writeFile(join(memory.path, 'memory.limit_in_bytes'), String(bytes))
  await writeFile(join(memory.path, 'memory.memsw.limit_in_bytes'), String(bytes)).catch(() => {})
}

async function memoryKills(memory: { version: 1 | 2; path: string }): Promise<number> {
  const file = memory.version === 1 ? 'memory.oom_control' : 'memory.events'
  const text = await readFile(join(memory.path, file), 'utf8').catch(() => '')
  return Number(/^oom_kill (\d+)$/m.exec(text)?.[1] ?? 0)
}

async function cpuMs(cpu: { version: 1 | 2; path: string }): Promise<number | null> {
  const text = await readFile(join(cpu.path, 'cpu.stat'), 'utf8').catch(() => '')
  const usec = /^usage_usec (\d+)$/m.exec(text)?.[1]
  return usec === undefined ? null : Math.round(Number(usec) / 1000)
}

async function number(path: string, file: string): Promise<number | null> {
  const text = await readFile(join(path, file), 'utf8').catch(() => '')
  return text ? Number(text) : null
}
