import { access, constants, open, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { runHostProgram, systemFolders } from '../host-programs.ts'

export type Abilities = {
  /** One sentence each, with what to do; nothing can be created while there are any. */
  problems: string[]
  version: string | null
  /** As root: where files are made reachable for a sandbox's own user. Null: bwrap runs as the service's own user. */
  stage: string | null
  firstUid: number | null
  /** Workspaces can be filesystems of fixed size. */
  volumes: boolean
}

// Above what distributions give to people and services; below 65536 for containers that map only so many.
const userCandidates = [1_879_100_000, 62_000]

/** Finds out by trying what this host lets the service do. */
export async function findAbilities(options: { scratchFolder: string; avoid: readonly string[] }): Promise<Abilities> {
  const none: Abilities = { problems: [], version: null, stage: null, firstUid: null, volumes: false }
  if (process.platform !== 'linux')
    return { ...none, problems: [`Sandboxes need Linux (this is ${process.platform}): run the sandbox service there.`] }
  const version = await runHostProgram('bwrap', ['--version']).then(
    (stdout) => /[\d.]+/.exec(stdout)?.[0] ?? null,
    () => null,
  )
  if (!version || isOlder(version, [0, 8]))
    return {
      ...none,
      version,
      problems: ['bubblewrap 0.8 or newer is missing (Debian, Ubuntu: apt-get install bubblewrap).'],
    }
  if (process.geteuid?.() !== 0) return { ...none, version, problems: await userNamespaceProblems([]) }
  const missing = await missingPrograms(['unshare', 'mount', 'setpriv'])
  if (missing.length)
    return { ...none, version, problems: [`As root the sandbox service needs ${missing.join(', ')} (util-linux).`] }
  const stage = await findStage(options.avoid)
  if (!stage) return { ...none, version, problems: [stageProblem] }
  const firstUid = await findUser()
  if (firstUid === null)
    return { ...none, version, problems: ['No unprivileged host user can be used: setpriv refuses all of them.'] }
  const problems = await userNamespaceProblems([
    'setpriv',
    '--reuid',
    `${firstUid}`,
    '--regid',
    `${firstUid}`,
    '--clear-groups',
  ])
  return { problems, version, stage, firstUid, volumes: await canMountVolumes(stage, options.scratchFolder) }
}

const stageProblem =
  'As root the sandbox service must be able to make mount namespaces (in a container: --cap-add SYS_ADMIN --security-opt seccomp=unconfined --security-opt apparmor=unconfined), or run as an ordinary user.'

async function userNamespaceProblems(prefix: readonly string[]): Promise<string[]> {
  const root = ['--ro-bind', '/', '/', '--proc', '/proc', '--dev', '/dev']
  const argv = [...prefix, 'bwrap', '--unshare-all', '--unshare-user', ...root, '/bin/true']
  return await runHostProgram(argv[0]!, argv.slice(1)).then(
    () => [],
    (error: { stderr?: string }) => [
      `The kernel or the container refuses sandboxes (${(error.stderr ?? '').trim() || 'bwrap failed'}). Allow user namespaces: ` +
        'sysctl kernel.unprivileged_userns_clone=1, user.max_user_namespaces above 0, kernel.apparmor_restrict_unprivileged_userns=0; ' +
        'in a container also an unmasked /proc (--security-opt systempaths=unconfined).',
    ],
  )
}

async function findStage(avoid: readonly string[]): Promise<string | null> {
  for (const folder of ['/mnt', '/media', '/srv', '/opt']) {
    const isFree = !avoid.some((path) => path === folder || path.startsWith(`${folder}/`))
    const exists = (await stat(folder).catch(() => null))?.isDirectory()
    if (isFree && exists && (await inPrivateMounts('mount -t tmpfs wheelhouse "$1"', [folder]))) return folder
  }
  return null
}

async function findUser(): Promise<number | null> {
  for (const uid of userCandidates) {
    const argv = ['--reuid', `${uid}`, '--regid', `${uid}`, '--clear-groups', '/bin/true']
    if (await succeeds('setpriv', argv)) return uid
  }
  return null
}

async function canMountVolumes(stage: string, scratchFolder: string): Promise<boolean> {
  if ((await missingPrograms(['mke2fs', 'e2fsck'])).length) return false
  const trial = join(scratchFolder, 'trial-volume')
  try {
    const file = await open(trial, 'w', 0o600)
    await file.truncate(8 << 20)
    await file.close()
    if (!(await succeeds('mke2fs', ['-q', '-F', '-t', 'ext4', trial]))) return false
    return await inPrivateMounts('mount -t ext4 -o loop "$1" "$2"', [trial, stage])
  } finally {
    await rm(trial, { force: true })
  }
}

async function inPrivateMounts(script: string, argv: readonly string[]): Promise<boolean> {
  return await succeeds('unshare', ['--mount', '--propagation', 'private', '/bin/bash', '-c', script, 'trial', ...argv])
}

async function succeeds(program: string, argv: readonly string[]): Promise<boolean> {
  return await runHostProgram(program, argv).then(
    () => true,
    () => false,
  )
}

async function missingPrograms(names: readonly string[]): Promise<string[]> {
  const found = await Promise.all(
    names.map(async (name) => {
      const tries = systemFolders.map((folder) => access(join(folder, name), constants.X_OK))
      return (await Promise.allSettled(tries)).some(({ status }) => status === 'fulfilled')
    }),
  )
  return names.filter((_, index) => !found[index])
}

function isOlder(version: string, than: readonly [number, number]): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  return major < than[0] || (major === than[0] && minor < than[1])
}
