import { existsSync, lstatSync, readlinkSync } from 'node:fs'
import { programInside, type SandboxLimits } from '../driver.ts'
import { etcFiles, insidePaths } from './base.ts'

/** Where the launcher made the shared files, the Node binary and the workspace reachable for the sandbox's user. */
export type Sources = { base: string; node: string; workspace: string; program: string | null }

export const workspaceInside = '/workspace'
export const environmentInside = {
  PATH: '/opt/node/bin:/usr/bin:/bin:/usr/sbin:/sbin',
  HOME: workspaceInside,
  USER: 'agent',
  LANG: 'C.UTF-8',
  TZ: 'UTC',
  TMPDIR: '/tmp',
  TERM: 'dumb',
} as const

// Programs and libraries only: no /usr/local, /usr/src, /opt, /srv, /var, /home, /root, /sys, /run, /boot.
const systemFolders = ['bin', 'sbin', 'lib', 'lib32', 'lib64', 'libx32', 'libexec', 'share']
const topFolders = ['bin', 'sbin', 'lib', 'lib32', 'lib64', 'libx32']
/** Public configuration that programs cannot do without. */
const hostEtc = ['alternatives', 'ld.so.cache', 'ld.so.conf', 'ld.so.conf.d', 'ssl/certs', 'pki/ca-trust/extracted']
/** They tell about the host's kernel and hardware; no program needs them. */
const coveredProc = [
  'cmdline',
  'interrupts',
  'iomem',
  'ioports',
  'kallsyms',
  'kcore',
  'key-users',
  'keys',
  'latency_stats',
  'modules',
  'sched_debug',
  'softirqs',
  'sysrq-trigger',
  'timer_list',
  'vmallocinfo',
  'zoneinfo',
]

/** Everything bwrap is told, except the command. Later arguments act on what earlier ones made: the order matters. */
export function bwrapArguments(sources: Sources, limits: SandboxLimits): string[] {
  const scratch = ['--size', String(limits.scratchBytes), '--perms', '1777', '--tmpfs']
  const covered = coveredProc.filter((name) => existsSync(`/proc/${name}`))
  const parts: string[][] = [
    // Every namespace there is, and none may be made inside.
    ['--unshare-all', '--unshare-user', '--disable-userns', '--die-with-parent', '--new-session'],
    ['--uid', '1000', '--gid', '1000', '--hostname', 'sandbox', '--cap-drop', 'ALL', '--clearenv'],
    ...Object.entries(environmentInside).map(([name, value]) => ['--setenv', name, value]),
    ...systemFolders.map((name) => ['--ro-bind-try', `/usr/${name}`, `/usr/${name}`]),
    ...topFolders.map(topFolder),
    ...hostEtc.map((name) => ['--ro-bind-try', `/etc/${name}`, `/etc/${name}`]),
    ...etcFiles.map((name) => ['--ro-bind', `${sources.base}/etc/${name}`, `/etc/${name}`]),
    ['--ro-bind', `${sources.base}/programs`, insidePaths.programs],
    ['--ro-bind', sources.node, insidePaths.node],
    ...(sources.program ? [['--ro-bind', sources.program, programInside]] : []),
    ['--proc', '/proc'],
    ...covered.map((name) => ['--ro-bind', `${sources.base}/empty`, `/proc/${name}`]),
    ['--dev', '/dev', ...scratch, '/dev/shm', ...scratch, '/tmp'],
    ['--bind', sources.workspace, workspaceInside],
    // Both are memory without a bound otherwise.
    ['--remount-ro', '/dev', '--remount-ro', '/'],
    ['--chdir', workspaceInside],
  ]
  return parts.flat()
}

/** What is a link into /usr on the host is one inside; on hosts without merged /usr it is a folder of its own. */
function topFolder(name: string): string[] {
  const path = `/${name}`
  const info = lstatSync(path, { throwIfNoEntry: false })
  if (!info) return []
  return info.isSymbolicLink() ? ['--symlink', readlinkSync(path), path] : ['--ro-bind', path, path]
}
