import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, rename, rm, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { Change, DeployRecord } from './data/deploys-data.ts'

export type Deploy = Omit<DeployRecord, 'replicas' | 'flags'> & { id: string; kind: 'deploy' | 'rollback' }
export type NewDeploy = Omit<DeployRecord, 'flags' | 'replicas'> & {
  kind: 'deploy' | 'rollback'
  configuration: string
}

/** A bare git repository whose commits on `main` are the deploys; each holds `services/<service>.yaml` as it was put in place. */
export type DeployLog = {
  /** Newest first. */
  list(): Promise<Deploy[]>
  configuration(id: string, service: string): Promise<string | null>
  diff(from: string, to: string, service: string): Promise<string>
  append(record: NewDeploy): Promise<Deploy>
}

const branch = 'refs/heads/main'

/** Opens the repository, and creates it with its first commits when it does not exist: a half-made one is never seen. */
export async function openDeployLog(options: { path: string; initial: readonly DeployRecord[] }): Promise<DeployLog> {
  if (!(await exists(options.path))) await create(options.path, options.initial)
  const git = (args: string[], input?: string) => runGit(['--git-dir', options.path, ...args], input)
  let turn: Promise<unknown> = Promise.resolve()

  async function list(): Promise<Deploy[]> {
    const text = await git(['log', '-z', '--format=%H%n%an%n%aI%n%B', branch])
    return text.split('\0').filter(Boolean).map(parseCommit)
  }

  async function append(record: NewDeploy): Promise<Deploy> {
    const parent = (await git(['rev-parse', branch])).trim()
    await git(['fast-import', '--quiet'], commitStream(record, parent))
    const id = (await git(['rev-parse', branch])).trim()
    return (await list()).find((deploy) => deploy.id === id)!
  }

  return {
    list,
    async configuration(id, service) {
      return git(['cat-file', 'blob', `${id}:services/${service}.yaml`]).catch(() => null)
    },
    diff: (from, to, service) =>
      git(['diff', '--no-color', '--no-ext-diff', from, to, '--', `services/${service}.yaml`]),
    append(record) {
      const mine = turn.then(() => append(record))
      turn = mine.catch(() => undefined)
      return mine
    },
  }
}

export function configurationOf(
  record: Pick<DeployRecord, 'service' | 'version' | 'environment' | 'replicas' | 'flags'>,
): string {
  const flags = Object.entries(record.flags).map(([name, on]) => `  ${name}: ${on}\n`)
  const head = `service: ${record.service}\nversion: ${record.version}\nenvironment: ${record.environment}\nreplicas: ${record.replicas}\n`
  return flags.length > 0 ? `${head}flags:\n${flags.join('')}` : head
}

async function create(path: string, initial: readonly DeployRecord[]): Promise<void> {
  await mkdir(dirname(path), { recursive: true })
  const temporary = await mkdtemp(`${path}.new-`)
  try {
    await runGit(['init', '--quiet', '--bare', '--initial-branch=main', temporary])
    const streams = initial.map((record, index) =>
      commitStream({ ...record, kind: 'deploy', configuration: configurationOf(record) }, index === 0 ? null : branch),
    )
    await runGit(['--git-dir', temporary, 'fast-import', '--quiet'], streams.join(''))
    await rename(temporary, path)
  } finally {
    await rm(temporary, { recursive: true, force: true })
  }
}

function commitStream(record: NewDeploy, parent: string | null): string {
  const seconds = Math.floor(Date.parse(record.deployed_at) / 1000)
  const who = `${record.deployed_by} <deploys@demo.invalid> ${seconds} +0000`
  const message = [
    `${record.kind} ${record.service} ${record.version} to ${record.environment}`,
    '',
    ...record.changes.map((change) => `- ${change.type}: ${change.text}${change.ticket ? ` (${change.ticket})` : ''}`),
    '',
  ].join('\n')
  const from = parent === null || parent === branch ? '' : `from ${parent}\n`
  return (
    `commit ${branch}\nauthor ${who}\ncommitter ${who}\n${data(message)}${from}` +
    `M 100644 inline services/${record.service}.yaml\n${data(record.configuration)}\n`
  )
}

function data(text: string): string {
  return `data ${Buffer.byteLength(text)}\n${text}\n`
}

function parseCommit(entry: string): Deploy {
  const [id, by, at, subject, ...body] = entry.trim().split('\n')
  const [kind, service, version, , environment] = subject!.split(' ')
  return {
    id: id!,
    kind: kind as Deploy['kind'],
    service: service!,
    version: version!,
    environment: environment as Deploy['environment'],
    deployed_by: by!,
    deployed_at: new Date(at!).toISOString(),
    changes: body.filter((line) => line.startsWith('- ')).map(parseChange),
  }
}

function parseChange(line: string): Change {
  const match = /^- (\w+): (.*?)(?: \((TIC-\d{4})\))?$/.exec(line)!
  return { type: match[1] as Change['type'], text: match[2]!, ticket: match[3] ?? null }
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  )
}

/** No configuration of the machine or of the person is read, and no shell is involved. */
function runGit(args: string[], input?: string): Promise<string> {
  const { PATH, NODE_ENV } = process.env
  const env = { PATH, NODE_ENV, GIT_CONFIG_NOSYSTEM: '1', GIT_CONFIG_GLOBAL: '/dev/null', LC_ALL: 'C' }
  return new Promise((resolve, reject) => {
    const child = execFile(
      'git',
      args,
      { env, maxBuffer: 32 * 1024 * 1024, timeout: 20_000 },
      (error, stdout, stderr) => {
        if (error) reject(new Error(`git ${args[0]} failed: ${stderr.slice(0, 500)}`, { cause: error }))
        else resolve(stdout)
      },
    )
    child.stdin?.on('error', () => undefined)
    child.stdin?.end(input ?? '')
  })
}
