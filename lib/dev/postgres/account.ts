import { readFile, realpath, stat } from 'node:fs/promises'
import { dirname } from 'node:path'

/** Whom PostgreSQL runs as: it refuses to be root. `undefined` means the account that runs this program. */
export type Account = { name: string; uid: number; gid: number }

/** The account PostgreSQL gets when this program is root: `postgres` if the system has it, else `nobody`. */
export async function postgresAccount(): Promise<Account | undefined> {
  if (process.platform === 'win32' || process.getuid?.() !== 0) return undefined
  const accounts = parsePasswd(await readFile('/etc/passwd', 'utf8'))
  const account = accounts.find(({ name }) => name === 'postgres') ?? accounts.find(({ name }) => name === 'nobody')
  if (!account) {
    throw new Error(
      'PostgreSQL must not run as root, and this system has neither the account `postgres` nor `nobody`. Start Wheelhouse as another user.',
    )
  }
  return account
}

/** Whether the account may pass through every folder above the path (the path itself need not exist). */
export async function canReach(account: Account | undefined, path: string): Promise<boolean> {
  if (!account) return true
  let folder = await realpath(dirname(path)).catch(() => dirname(path))
  for (;;) {
    const info = await stat(folder).catch(() => null)
    if (info && !mayPass(account, info)) return false
    const parent = dirname(folder)
    if (parent === folder) return true
    folder = parent
  }
}

function mayPass(account: Account, folder: { mode: number; uid: number; gid: number }): boolean {
  if (folder.uid === account.uid) return (folder.mode & 0o100) !== 0
  if (folder.gid === account.gid) return (folder.mode & 0o010) !== 0
  return (folder.mode & 0o001) !== 0
}

function parsePasswd(text: string): Account[] {
  return text.split('\n').flatMap((line) => {
    const [name, , uid, gid] = line.split(':')
    return name && uid && gid ? [{ name, uid: Number(uid), gid: Number(gid) }] : []
  })
}
