import { spawn } from 'node:child_process'
import { mkdir, open, readFile, rm, stat } from 'node:fs/promises'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'

/** All test runs of one user on this machine share this folder and the server described in its `state.json`. */
export const sharedFolder = join(tmpdir(), `wheelhouse-test-postgres-${userInfo().uid}`)

export type KeeperState = { url: string; pid: number }

/**
 * A PostgreSQL for tests and an open connection to it: WHEELHOUSE_TEST_DATABASE_URL, else the server another test run on this machine
 * has started, else a new one. The open connection is the claim on it; the keeper stops the server some time after the last is gone.
 */
export async function acquireTestPostgres(): Promise<{ url: string; admin: pg.Client }> {
  const given = process.env['WHEELHOUSE_TEST_DATABASE_URL']
  if (given) return { url: given, admin: await connect(given) }
  await mkdir(sharedFolder, { recursive: true, mode: 0o755 })
  const deadline = Date.now() + 60_000
  while (Date.now() < deadline) {
    const state = await readState()
    const admin = state && (await connect(state.url).catch(() => null))
    if (state && admin) return { url: state.url, admin }
    await startKeeperOnce()
    await sleep(100)
  }
  const log = await readFile(join(sharedFolder, 'keeper.log'), 'utf8').catch(() => '')
  throw new Error(`The test database did not start within 60 s (${sharedFolder}/keeper.log):\n${log.slice(-2000)}`)
}

async function readState(): Promise<KeeperState | null> {
  const text = await readFile(join(sharedFolder, 'state.json'), 'utf8').catch(() => null)
  return text ? (JSON.parse(text) as KeeperState) : null
}

async function connect(url: string): Promise<pg.Client> {
  const client = new pg.Client({
    connectionString: url,
    application_name: 'wheelhouse-test',
    connectionTimeoutMillis: 5000,
  })
  client.on('error', () => {})
  await client.connect()
  return client
}

/** Whoever creates the file `starting` starts the keeper; the keeper removes it when it is ready or has failed. */
async function startKeeperOnce(): Promise<void> {
  const claim = join(sharedFolder, 'starting')
  const claimed = await open(claim, 'wx').catch(() => null)
  if (!claimed) {
    const info = await stat(claim).catch(() => null)
    if (info && Date.now() - info.mtimeMs > 30_000) await rm(claim, { force: true })
    return
  }
  await claimed.close()
  const log = await open(join(sharedFolder, 'keeper.log'), 'a', 0o600)
  const keeper = spawn(process.execPath, [join(import.meta.dirname, 'postgres-keeper.ts')], {
    detached: true,
    stdio: ['ignore', log.fd, log.fd],
    env: { NODE_ENV: 'test', PATH: process.env['PATH'] ?? '', TMPDIR: tmpdir() },
    cwd: '/',
  })
  keeper.unref()
  await log.close()
}
