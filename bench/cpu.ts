import { readdirSync, readFileSync } from 'node:fs'

const ticksPerSecond = 100

/** CPU seconds that a process and (with `children`) its children, also those that have ended, have used so far; Linux only, 0 elsewhere. */
export function cpuSeconds(pid: number, options: { children?: boolean } = {}): number {
  const own = ticksOf(pid)
  if (!options.children) return own / ticksPerSecond
  const children = pids().filter((each) => parentOf(each) === pid)
  return (own + endedTicksOf(pid) + children.reduce((sum, each) => sum + ticksOf(each), 0)) / ticksPerSecond
}

/** Resident memory in MiB. */
export function residentMb(pid: number): number {
  const text = read(`/proc/${pid}/status`)
  return Number(/VmRSS:\s+(\d+) kB/.exec(text)?.[1] ?? 0) / 1024
}

function pids(): number[] {
  try {
    return readdirSync('/proc').map(Number).filter(Boolean)
  } catch {
    return []
  }
}

function parentOf(pid: number): number {
  return Number(fields(pid)[1] ?? 0)
}

function ticksOf(pid: number): number {
  const parts = fields(pid)
  return Number(parts[11] ?? 0) + Number(parts[12] ?? 0)
}

/** Of its children that have ended. */
function endedTicksOf(pid: number): number {
  const parts = fields(pid)
  return Number(parts[13] ?? 0) + Number(parts[14] ?? 0)
}

/** What follows the program's name in /proc/<pid>/stat; the name may hold spaces. */
function fields(pid: number): string[] {
  const text = read(`/proc/${pid}/stat`)
  return text.slice(text.lastIndexOf(')') + 2).split(' ')
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}
