import { readdir, readFile, readlink } from 'node:fs/promises'
import { labelVariable } from './launch.ts'

/** The process id namespace a process lives in, e.g. `pid:[4026532201]`; null when it is gone or not ours to look at. */
export async function pidNamespace(pid: number): Promise<string | null> {
  return await readlink(`/proc/${pid}/ns/pid`).catch(() => null)
}

/** Host process ids of everything in a namespace, zombies left out: they run nothing and hold nothing. */
export async function processesIn(namespace: string): Promise<number[]> {
  const pids = await allProcesses()
  const inside = await Promise.all(
    pids.map(async (pid) => (await pidNamespace(pid)) === namespace && !(await isZombie(pid))),
  )
  return pids.filter((_, index) => inside[index])
}

/** First processes of sandboxes of an installation, by their label: host process id and sandbox id. */
export async function labelledProcesses(label: string): Promise<{ pid: number; id: string }[]> {
  const prefix = `${labelVariable}=${label}:`
  const found = await Promise.all(
    (await allProcesses()).map(async (pid) => {
      const environment = await readFile(`/proc/${pid}/environ`, 'utf8').catch(() => '')
      const entry = environment.split('\0').find((variable) => variable.startsWith(prefix))
      return entry ? [{ pid, id: entry.slice(prefix.length) }] : []
    }),
  )
  return found.flat()
}

export function killProcess(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // Gone already.
  }
}

async function allProcesses(): Promise<number[]> {
  return (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number)
}

async function isZombie(pid: number): Promise<boolean> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '')
  return !stat || /\) Z /.test(stat)
}
