import { randomBytes } from 'node:crypto'
import { readdir, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { freePort } from '#lib/dev/ports.ts'
import { startPostgres } from '#lib/dev/postgres/server.ts'
import { type KeeperState, sharedFolder } from './shared-postgres.ts'

// Runs the PostgreSQL that concurrent test runs share, apart from all of them, and ends it when nobody has been connected for a while.
const idleSecondsMax = 90
const pollSeconds = 3

const stateFile = join(sharedFolder, 'state.json')
const dataFolder = join(sharedFolder, `data-${process.pid}`)

await removeLeftovers()
const server = await startPostgres({
  folder: dataFolder,
  port: await freePort(),
  password: randomBytes(18).toString('base64url'),
  durable: false,
  onOutput: (line) => console.log(line),
}).catch(async (error: unknown) => {
  await rm(join(sharedFolder, 'starting'), { force: true })
  throw error
})
const client = new pg.Client({ connectionString: server.url('postgres'), application_name: 'wheelhouse-keeper' })
client.on('error', () => {})
await client.connect()
await publish({ url: server.url('postgres'), pid: process.pid })
await rm(join(sharedFolder, 'starting'), { force: true })

process.on('SIGTERM', () => void shutDown())
server.process.once('close', () => void rm(stateFile, { force: true }).then(() => process.exit(1)))

for (let idleSeconds = 0; idleSeconds < idleSecondsMax;) {
  await sleep(pollSeconds * 1000)
  idleSeconds = (await users()) > 0 ? 0 : idleSeconds + pollSeconds
  if (idleSeconds >= idleSecondsMax) {
    // Nobody new finds the server from here on; whoever read the file just before has a second to show up.
    await rm(stateFile, { force: true })
    await sleep(1000)
    if ((await users()) === 0) break
    await publish({ url: server.url('postgres'), pid: process.pid })
    idleSeconds = 0
  }
}
await shutDown()

async function users(): Promise<number> {
  const { rows } = await client.query<{ count: number }>(
    `select count(*)::int as count from pg_stat_activity where backend_type = 'client backend' and pid <> pg_backend_pid()`,
  )
  return rows[0]?.count ?? 0
}

async function publish(state: KeeperState): Promise<void> {
  const draft = `${stateFile}.${process.pid}`
  await writeFile(draft, JSON.stringify(state), { mode: 0o600 })
  await rename(draft, stateFile)
}

async function shutDown(): Promise<void> {
  server.process.removeAllListeners('close')
  await rm(stateFile, { force: true })
  await client.end().catch(() => {})
  await server.stop()
  await rm(dataFolder, { recursive: true, force: true })
  process.exit(0)
}

async function removeLeftovers(): Promise<void> {
  for (const name of await readdir(sharedFolder)) {
    const owner = Number(/^data-(\d+)$/.exec(name)?.[1])
    if (owner && !isAlive(owner)) await rm(join(sharedFolder, name), { recursive: true, force: true })
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}
