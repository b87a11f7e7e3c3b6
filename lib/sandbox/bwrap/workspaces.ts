import { chown, mkdir, open, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { WorkspaceInfo } from '../driver.ts'
import { runHostProgram } from '../host-programs.ts'

export type Workspace = {
  name: string
  /** A volume is a file with a filesystem of fixed size; a folder is bounded by nothing but the disk. */
  kind: 'volume' | 'folder'
  path: string
  /** The host user its sandbox runs as; null: the service's own. */
  uid: number | null
}

type Options = {
  folder: string
  kind: Workspace['kind']
  /** First of the host users given to workspaces, one each; null when the service is not root and cannot. */
  firstUid: number | null
}

const releaseMsMax = 5_000
export const workspaceName = /^[A-Za-z0-9][A-Za-z0-9_-]{0,99}$/

/**
 * The workspaces of this installation: a folder each below one that only the service may enter. Nothing here ever opens a path inside
 * a workspace; files go in and out through the sandbox.
 */
export class Workspaces {
  readonly #options: Options
  // One at a time, so that two new workspaces never get the same user.
  #turn: Promise<unknown> = Promise.resolve()

  constructor(options: Options) {
    this.#options = options
  }

  async prepare(): Promise<void> {
    await mkdir(this.#options.folder, { recursive: true, mode: 0o700 })
  }

  /** Opens a workspace, making it when it is new. */
  open(name: string, diskBytes: number): Promise<Workspace> {
    const opened = this.#turn.then(() => this.#open(name, diskBytes))
    this.#turn = opened.catch(() => {})
    return opened
  }

  async list(): Promise<WorkspaceInfo[]> {
    const names = await readdir(this.#options.folder)
    const found = await Promise.all(
      names.map(async (workspace) => {
        // One may be discarded meanwhile.
        const info = await stat(this.#at(workspace)).catch(() => null)
        return info ? [{ workspace, usedAt: info.mtime }] : []
      }),
    )
    return found.flat()
  }

  /** Resolves when the kernel has let go of a volume, which it does a moment after the last process on it is gone. */
  async released(name: string): Promise<void> {
    const volume = join(this.#at(name), 'volume')
    for (let waitedMs = 0; waitedMs < releaseMsMax && (await isAttached(volume)); waitedMs += 5) await sleep(5)
  }

  /** Removes it; nothing may be running on it. */
  async discard(name: string): Promise<void> {
    const folder = this.#at(name)
    try {
      await rm(folder, { recursive: true, force: true })
    } catch {
      // Its owner may have locked itself out of a folder. chmod -R does not follow links below its argument.
      await runHostProgram('chmod', ['-R', 'u+rwX', '--', folder])
      await rm(folder, { recursive: true, force: true })
    }
  }

  async #open(name: string, diskBytes: number): Promise<Workspace> {
    if (!workspaceName.test(name)) throw new RangeError(`not a workspace name: ${name}`)
    const known = await readFile(join(this.#at(name), 'user'), 'utf8').catch(() => null)
    if (known === null) return await this.#make(name, diskBytes)
    const now = new Date()
    await utimes(this.#at(name), now, now)
    const workspace = await this.#describe(name, known)
    // Clean unless the machine went down while it was in use.
    if (workspace.kind === 'volume') {
      await this.released(name)
      await runHostProgram('e2fsck', ['-p', workspace.path]).catch(repaired)
    }
    return workspace
  }

  async #make(name: string, diskBytes: number): Promise<Workspace> {
    const { kind, firstUid } = this.#options
    const folder = this.#at(name)
    const uid = firstUid === null ? null : await this.#freeUid(firstUid)
    await this.discard(name)
    await mkdir(folder, { mode: 0o700 })
    try {
      if (kind === 'volume') await makeVolume(join(folder, 'volume'), { bytes: diskBytes, uid: uid ?? 0 })
      else await makeFolder(join(folder, 'files'), uid)
      // Written last: a half-made workspace is made anew.
      await writeFile(join(folder, 'user'), String(uid ?? ''))
    } catch (error) {
      await this.discard(name)
      throw error
    }
    return await this.#describe(name, String(uid ?? ''))
  }

  async #describe(name: string, user: string): Promise<Workspace> {
    const volume = join(this.#at(name), 'volume')
    const isVolume = await stat(volume).then(
      () => true,
      () => false,
    )
    const path = isVolume ? volume : join(this.#at(name), 'files')
    return { name, kind: isVolume ? 'volume' : 'folder', path, uid: user ? Number(user) : null }
  }

  async #freeUid(first: number): Promise<number> {
    const names = await readdir(this.#options.folder)
    const users = await Promise.all(names.map((name) => readFile(join(this.#at(name), 'user'), 'utf8').catch(() => '')))
    const taken = new Set(users.filter(Boolean).map(Number))
    let uid = first
    while (taken.has(uid)) uid += 1
    return uid
  }

  #at(name: string): string {
    return join(this.#options.folder, name)
  }
}

async function makeVolume(path: string, options: { bytes: number; uid: number }): Promise<void> {
  const file = await open(path, 'wx', 0o600)
  await file.truncate(options.bytes)
  await file.close()
  const features = [
    '-O',
    '^has_journal',
    '-m',
    '0',
    '-E',
    `lazy_itable_init=1,nodiscard,root_owner=${options.uid}:${options.uid}`,
  ]
  await runHostProgram('mke2fs', ['-q', '-F', '-t', 'ext4', ...features, path])
}

async function makeFolder(path: string, uid: number | null): Promise<void> {
  await mkdir(path, { mode: 0o700 })
  if (uid !== null) await chown(path, uid, uid)
}

async function isAttached(volume: string): Promise<boolean> {
  const devices = (await readdir('/sys/block').catch(() => [])).filter((name) => name.startsWith('loop'))
  const files = await Promise.all(
    devices.map((name) => readFile(`/sys/block/${name}/loop/backing_file`, 'utf8').catch(() => '')),
  )
  return files.some((file) => file.trim() === volume)
}

/** e2fsck ends with 1 when it repaired something; anything above is a failure. */
function repaired(error: unknown): void {
  if ((error as { code?: unknown }).code !== 1) throw error
}
