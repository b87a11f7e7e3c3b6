import { chmod, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { stripTypeScriptTypes } from 'node:module'
import { join } from 'node:path'
import { seccompProgramFor } from '../seccomp/filter.ts'

/** Where what the service brings along is seen inside. */
export const insidePaths = { node: '/opt/node/bin/node', programs: '/opt/wheelhouse' } as const

const uid = 1000
/** The files of /etc that are made, not taken from the host: it has no names of people and machines to give away. */
const etc = {
  passwd: `root:x:0:0:root:/nonexistent:/usr/sbin/nologin\nagent:x:${uid}:${uid}:agent:/workspace:/bin/bash\n`,
  group: `root:x:0:\nagent:x:${uid}:\n`,
  hosts: '127.0.0.1 localhost sandbox\n::1 localhost\n',
  hostname: 'sandbox\n',
  'nsswitch.conf': 'passwd: files\ngroup: files\nhosts: files\n',
  'resolv.conf': '',
} as const
export const etcFiles = Object.keys(etc) as (keyof typeof etc)[]

const insidePrograms = ['wire', 'supervisor', 'files', 'grep', 'look', 'strain'] as const

/**
 * Writes what all sandboxes share, read-only to them: our programs with their types removed, made files of /etc, the system call
 * filter, and an empty file to cover others with. Returns null where no filter is written for this processor.
 */
export async function buildBase(folder: string): Promise<{ folder: string; filter: string } | null> {
  const filter = seccompProgramFor(process.arch)
  if (!filter) return null
  await rm(folder, { recursive: true, force: true })
  for (const name of ['etc', 'programs']) await mkdir(join(folder, name), { recursive: true, mode: 0o755 })
  for (const [name, content] of Object.entries(etc)) await writeFile(join(folder, 'etc', name), content)
  for (const name of insidePrograms) {
    await writeFile(join(folder, 'programs', `${name}.mjs`), await insideProgram(name))
  }
  await writeFile(join(folder, 'empty'), '')
  await writeFile(join(folder, 'filter.bpf'), filter)
  await chmod(folder, 0o755)
  return { folder, filter: join(folder, 'filter.bpf') }
}

async function insideProgram(name: string): Promise<string> {
  const source = await readFile(join(import.meta.dirname, '..', 'inside', `${name}.ts`), 'utf8')
  return withoutTypes(source).replaceAll(/from '\.\/(\w+)\.ts'/g, "from './$1.mjs'")
}

/** Types are removed here, not inside: that takes half of a program's start and 20 MB each time. Node warns that the call is young. */
function withoutTypes(source: string): string {
  const { emitWarning } = process
  process.emitWarning = () => {}
  try {
    return stripTypeScriptTypes(source)
  } finally {
    process.emitWarning = emitWarning
  }
}
