// Runs inside the probe's sandbox and says what it sees there; the service compares it with what must be. Input: JSON as an argument.
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs'
import { networkInterfaces } from 'node:os'

export type Look = {
  namespaces: Record<string, string | null>
  status: Record<string, string>
  interfaces: string[]
  /** Of the host paths that were asked about, those that exist here. */
  hostPaths: string[]
  firstEnvironment: string[]
  processes: number
  writable: string[]
  nested: boolean
}

const { hostPaths } = JSON.parse(process.argv[2] ?? '{}') as { hostPaths: string[] }

const look: Look = {
  namespaces: Object.fromEntries(
    readdirSync('/proc/self/ns').map((name) => [name, attempt(() => readlinkSync(`/proc/self/ns/${name}`))]),
  ),
  status: statusOf('self'),
  interfaces: Object.keys(networkInterfaces()).concat(
    readFileSync('/proc/net/dev', 'utf8')
      .split('\n')
      .slice(2)
      .map((line) => line.split(':')[0]!.trim())
      .filter(Boolean),
  ),
  hostPaths: hostPaths.filter((path) => existsSync(path)),
  firstEnvironment: readFileSync('/proc/1/environ', 'utf8').split('\0').filter(Boolean),
  processes: readdirSync('/proc').filter((name) => /^\d+$/.test(name)).length,
  writable: ['/', '/usr', '/etc', '/dev', '/opt', '/proc/sys/kernel'].filter((folder) =>
    attempt(() => {
      writeFileSync(`${folder}/wheelhouse-trial`, '')
      return true
    }),
  ),
  nested: ['--user', '--mount', '--net'].some((flag) => spawnSync('/usr/bin/unshare', [flag, 'true']).status === 0),
}
process.stdout.write(JSON.stringify(look))

function statusOf(pid: string): Record<string, string> {
  const lines = readFileSync(`/proc/${pid}/status`, 'utf8').split('\n')
  return Object.fromEntries(lines.map((line) => line.split(':\t') as [string, string]))
}

function attempt<T>(work: () => T): T | null {
  try {
    return work()
  } catch {
    return null
  }
}
