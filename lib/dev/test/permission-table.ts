import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Role, roleLabel, roles } from '#lib/auth/permissions.ts'
import { root } from '#lib/dev/source-files.ts'
import type { Caller } from './permission-world.ts'

const answers = ['yes', 'own team', 'other teams', 'no'] as const
export type PermissionAnswer = (typeof answers)[number]
export type PermissionRow = Record<Role, PermissionAnswer>

const file = join(root, 'docs/permissions.md')

/** Asks for each role as somebody in the owner team and as somebody of another one. */
export async function measureRoles(
  callers: readonly Caller[],
  isAllowed: (caller: Caller) => Promise<boolean>,
): Promise<PermissionRow> {
  const row = {} as PermissionRow
  for (const role of roles) {
    const of = (ownTeam: boolean) => callers.find((caller) => caller.role === role && caller.ownTeam === ownTeam)!
    const inOwn = await isAllowed(of(true))
    const inOther = await isAllowed(of(false))
    row[role] = inOwn ? (inOther ? 'yes' : 'own team') : inOther ? 'other teams' : 'no'
  }
  return row
}

/** The table of what is named in the first cells, a column for each role. */
export function permissionTable(
  heads: readonly string[],
  rows: readonly { cells: readonly string[]; row: PermissionRow }[],
): string {
  const head = [...heads, ...roles.map(roleLabel)]
  const lines = rows.map(({ cells, row }) => [...cells, ...roles.map((role) => row[role])])
  return [head, head.map(() => '---'), ...lines].map((cells) => `| ${cells.join(' | ')} |`).join('\n')
}

/** The written table of this name; with `UPDATE_PERMISSIONS=1` the measured one is written in its place before. */
export function writtenTable(name: string, measured: string): string {
  const written = readFileSync(file, 'utf8')
  const start = written.indexOf(`| ${name} |`)
  const end = start < 0 ? -1 : written.indexOf('\n\n', start)
  const [from, to] = start < 0 ? [written.length, written.length] : [start, end < 0 ? written.length - 1 : end]
  if (process.env['UPDATE_PERMISSIONS'] !== '1') return written.slice(from, to)
  const before = start < 0 ? `${written.trimEnd()}\n\n` : written.slice(0, from)
  writeFileSync(file, `${before}${measured}${start < 0 ? '\n' : written.slice(to)}`)
  return measured
}
