import { type ChildProcess, spawn } from 'node:child_process'
import { chown, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { type Account, canReach, postgresAccount } from './account.ts'
import { postgresBinaries, reachableFor } from './binaries.ts'

export type PostgresOptions = {
  /** The cluster's folder; when PostgreSQL's account cannot reach it, a folder in /var/lib/wheelhouse stands in for it. */
  folder: string
  port: number
  password: string
  /** `false` only for data that may be lost with the machine (test databases): no fsync. */
  durable: boolean
  onOutput: (line: string) => void
}

export type PostgresServer = {
  process: ChildProcess
  /** The folder really used. */
  folder: string
  url(database: string): string
  /** Ends it: connections are cut, what is committed is on disk. */
  stop(): Promise<void>
}

/** Starts the embedded PostgreSQL (creating the cluster the first time) and returns when it accepts connections. */
export async function startPostgres(options: PostgresOptions): Promise<PostgresServer> {
  const account = await postgresAccount()
  const folder = await reachableDataFolder(account, options.folder)
  const programs = await postgresBinaries(account)
  if (!(await readFile(join(folder, 'PG_VERSION')).catch(() => null))) {
    await initialise({ ...options, folder, account, initdb: programs.initdb })
  }
  await stopLeftOver(folder)
  const child = spawn(programs.postgres, ['-D', folder, '-p', String(options.port), ...settings(options.durable)], {
    cwd: folder,
    env: { NODE_ENV: 'production', LC_ALL: 'C', TZ: 'UTC' },
    // A process group of its own: Ctrl-C in the terminal must not stop the database before those who use it.
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    ...identity(account),
  })
  const output = collectOutput(child, options.onOutput)
  const url = (database: string) => `postgresql://wheelhouse:${options.password}@127.0.0.1:${options.port}/${database}`
  await untilReady({ child, url: url('postgres'), output })
  return { process: child, folder, url, stop: () => stopPostgres(child) }
}

/** Creates the database unless it exists. */
export async function ensureDatabase(server: PostgresServer, name: string): Promise<void> {
  const client = new pg.Client({ connectionString: server.url('postgres') })
  await client.connect()
  try {
    const { rowCount } = await client.query('select 1 from pg_database where datname = $1', [name])
    if (!rowCount) await client.query(`create database ${client.escapeIdentifier(name)}`)
  } finally {
    await client.end()
  }
}

async function reachableDataFolder(account: Account | undefined, wanted: string): Promise<string> {
  await mkdir(wanted, { recursive: true })
  const reachable = await canReach(account, join(wanted, 'x'))
  const folder = reachable ? wanted : join(reachableFor(wanted), 'postgres')
  await mkdir(folder, { recursive: true, mode: 0o755 })
  if (folder !== wanted)
    await writeFile(
      join(wanted, 'MOVED'),
      `The account ${account?.name} cannot reach this folder. The data is in ${folder}\n`,
    )
  return folder
}

async function initialise(options: {
  folder: string
  account?: Account | undefined
  initdb: string
  password: string
  durable: boolean
}) {
  // initdb wants an empty folder; what a cut-off attempt left is not a cluster (PG_VERSION comes with it).
  await rm(options.folder, { recursive: true, force: true })
  await mkdir(options.folder, { recursive: true, mode: 0o700 })
  const secretFolder = await mkdtemp(join(tmpdir(), 'wheelhouse-initdb-'))
  const passwordFile = join(secretFolder, 'password')
  await writeFile(passwordFile, options.password, { mode: 0o600 })
  for (const path of options.account ? [options.folder, secretFolder, passwordFile] : []) {
    await chown(path, options.account!.uid, options.account!.gid)
  }
  // The built-in C.UTF-8 locale sorts alike on every system and needs nothing installed.
  const arguments_ = [
    '-D',
    options.folder,
    '-U',
    'wheelhouse',
    `--pwfile=${passwordFile}`,
    '--auth=scram-sha-256',
    '--encoding=UTF8',
  ]
  arguments_.push('--locale=C', '--locale-provider=builtin', '--builtin-locale=C.UTF-8', '--no-instructions')
  if (!options.durable) arguments_.push('--no-sync')
  const child = spawn(options.initdb, arguments_, {
    env: { NODE_ENV: 'production', LC_ALL: 'C', TZ: 'UTC' },
    cwd: '/',
    stdio: ['ignore', 'pipe', 'pipe'],
    ...identity(options.account),
  })
  const output = collectOutput(child, () => {})
  const code = await new Promise((resolve, reject) => child.on('error', reject).on('close', resolve))
  await rm(secretFolder, { recursive: true, force: true })
  if (code !== 0) {
    await rm(options.folder, { recursive: true, force: true })
    throw new Error(`PostgreSQL's initdb failed:\n${output()}`)
  }
}

function settings(durable: boolean): string[] {
  const values = {
    listen_addresses: '127.0.0.1',
    unix_socket_directories: '',
    max_connections: durable ? '200' : '400',
    timezone: 'UTC',
    log_timezone: 'UTC',
    // Statements' errors are told to who sent them; here only what ends a connection or the server.
    log_min_messages: 'fatal',
    log_checkpoints: 'off',
    log_line_prefix: '%q%a ',
    // Statements can carry values.
    log_min_error_statement: 'panic',
    ...(durable ? {} : { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off', log_min_messages: 'panic' }),
  }
  return Object.entries(values).flatMap(([name, value]) => ['-c', `${name}=${value}`])
}

/** A server that outlived a killed supervisor still holds the folder: it is asked to end first. */
async function stopLeftOver(folder: string): Promise<void> {
  const [pid] = (await readFile(join(folder, 'postmaster.pid'), 'utf8').catch(() => '')).split('\n')
  if (!pid || !(await isServing(Number(pid), folder))) return
  process.kill(Number(pid), 'SIGINT')
  for (let waited = 0; waited < 10_000 && (await isServing(Number(pid), folder)); waited += 50) await sleep(50)
}

async function isServing(pid: number, folder: string): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<string>()
  const ps = spawn('ps', ['-o', 'command=', '-p', String(pid)], { stdio: ['ignore', 'pipe', 'ignore'] })
  let text = ''
  ps.stdout.on('data', (chunk: Buffer) => (text += chunk.toString()))
  ps.on('error', () => resolve('')).on('close', () => resolve(text))
  return (await promise).includes(folder)
}

async function untilReady(options: { child: ChildProcess; url: string; output: () => string }): Promise<void> {
  const deadline = Date.now() + 60_000
  for (;;) {
    if (options.child.exitCode !== null || options.child.signalCode !== null) {
      throw new Error(`PostgreSQL ended while starting:\n${options.output()}`)
    }
    const client = new pg.Client({ connectionString: options.url, connectionTimeoutMillis: 2000 })
    const failure = await client.connect().then(
      () => client.end(),
      (error: unknown) => error ?? 'failed',
    )
    if (failure === undefined) return
    if (Date.now() > deadline)
      throw new Error(`PostgreSQL did not become ready in 60 s:\n${options.output()}`, { cause: failure })
    await sleep(50)
  }
}

async function stopPostgres(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()))
  // SIGINT is PostgreSQL's fast shutdown; SIGQUIT ends it at once and recovers at the next start.
  child.kill('SIGINT')
  const impatience = setTimeout(() => child.kill('SIGQUIT'), 15_000)
  await ended
  clearTimeout(impatience)
}

function collectOutput(child: ChildProcess, onLine: (line: string) => void): () => string {
  const lines: string[] = []
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (chunk: Buffer) => {
      for (const line of chunk.toString().split('\n').filter(Boolean)) {
        lines.push(line)
        if (lines.length > 50) lines.shift()
        onLine(line)
      }
    })
  }
  return () => lines.join('\n')
}

function identity(account: Account | undefined): { uid?: number; gid?: number } {
  return account ? { uid: account.uid, gid: account.gid } : {}
}
