import { execFile } from 'node:child_process'
import { cp, mkdtemp, rename, rm, stat, statfs, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, test as baseTest } from 'vitest'
import { createDb, type Db } from '#lib/db/client.ts'
import { freePort } from '#lib/dev/ports.ts'
import {
  encryptionKey,
  makeAgent,
  portalUrl,
  sessionToken,
  startUpstream,
  type TestAgent,
  type TestUpstream,
} from '#lib/dev/test/broker.ts'
import { postCall, until } from '#lib/dev/test/broker-world.ts'
import { startLoad } from '#lib/dev/test/call-load.ts'
import { compareLogs, nothingMissing } from '#lib/dev/test/call-logs.ts'
import { startDurablePostgres } from '#lib/dev/test/durable-postgres.ts'
import { makeGrant } from '#lib/dev/test/registry.ts'
import { startBroker, type TestBroker } from './testing/start-broker.ts'

type World = {
  call(tool: string): Promise<{ status: number; rule: unknown; message: string | undefined }>
  upstream: TestUpstream
  broker: TestBroker
}

const limits = { auditWaitMs: 500, agentCallsPerSecond: 0, serverCallsPerSecond: 0 }

/** A broker on a PostgreSQL that really keeps what it commits, and an agent that may read and write. */
const test = baseTest.extend('world', { scope: 'file' }, async ({}, { onCleanup }) => {
  const postgres = await startDurablePostgres()
  const { databaseUrl } = postgres
  const db = createDb(databaseUrl)
  const upstream = await startUpstream()
  const rest = { description: '', environment: 'staging', sensitivity: 'internal', demo: true } as const
  await db.mcpServer.create({ data: { id: 'erp', name: 'ERP', url: upstream.url, ...rest } })
  const agent = await grantedAgent(db)
  const broker = await startBroker({ db, databaseUrl, port: await freePort(), portalUrl, encryptionKey, limits })
  onCleanup(async () => {
    postgres.thaw()
    await broker.stop()
    await db.$disconnect()
    await upstream.stop()
    await postgres.stop()
  })
  await until(async () => (await db.mcpTool.count()) === 5, 30_000)
  const token = await sessionToken(db, broker.url, agent)
  const call = async (tool: string) => {
    const { status, json } = await postCall({ broker }, { token, tool, serverId: 'erp' })
    return { status, rule: json.error?.data?.['rule'], message: json.error?.message }
  }
  await until(async () => (await call('change')).status === 200)
  return { postgres, db, upstream, broker, call }
})

async function grantedAgent(db: Db): Promise<TestAgent> {
  const agent = await makeAgent(db)
  await makeGrant(db, { agentId: agent.agentId, serverId: 'erp', class: 'write' })
  return agent
}

/** Refuses and says so, reaches the server with nothing that changes something, and is not ready. */
async function expectRefusal({ call, upstream, broker }: World): Promise<void> {
  await until(async () => (await call('change')).status === 503, 20_000)
  const changed = upstream.calls.filter(({ tool }) => tool === 'change').length
  const refused = await call('change')
  expect(refused.status).toBe(503)
  expect(['audit_unavailable', 'view_stale']).toContain(refused.rule)
  expect(refused.message).toMatch(/audit log cannot be written|registry could not be read/)
  expect((await call('look')).status).toBe(503)
  expect(upstream.calls.filter(({ tool }) => tool === 'change')).toHaveLength(changed)
  expect((await fetch(`${broker.url}/healthz`)).status).toBe(200)
}

async function expectRecovery({ call, broker }: World): Promise<void> {
  await until(async () => (await call('change')).status === 200, 20_000)
  await until(async () => (await call('look')).status === 200, 20_000)
  await until(async () => (await fetch(`${broker.url}/readyz`)).status === 200, 20_000)
}

test(
  'a database that answers nothing any more: refused, and it goes on when it answers again',
  { timeout: 180_000 },
  async ({ world }) => {
    world.postgres.freeze()
    await expectRefusal(world)
    expect((await fetch(`${world.broker.url}/readyz`)).status).toBe(503)
    world.postgres.thaw()
    await expectRecovery(world)
  },
)

test(
  'a database that was stopped: refused, and it goes on when it is there again',
  { timeout: 180_000 },
  async ({ world }) => {
    await world.postgres.end()
    await expectRefusal(world)
    expect((await fetch(`${world.broker.url}/readyz`)).status).toBe(503)
    await world.postgres.restart()
    await expectRecovery(world)
  },
)

test(
  'commits that wait for a replica that is not there: refused, and recorded once when they go on',
  { timeout: 180_000 },
  async ({ world }) => {
    const { db, broker } = world
    const reconfigure = async (value: string) => {
      await db.$executeRawUnsafe(`alter system set synchronous_standby_names = '${value}'`)
      await db.$executeRaw`select pg_reload_conf()`
    }
    await reconfigure('nobody')
    await expectRefusal(world)
    await reconfigure('')
    await expectRecovery(world)
    await until(() => Promise.resolve(auditWaiting(broker.url)).then((waiting) => waiting === 0))
    const twice = await db.$queryRaw`select "id" from "AuditEvent" group by "id" having count(*) > 1`
    expect(twice).toEqual([])
  },
)

test('a full disk: refused, and it goes on when there is room', { timeout: 180_000 }, async ({ world, skip }) => {
  const { db, postgres } = world
  const disk = await smallDisk(postgres.folder)
  if (typeof disk === 'string') return skip(disk)
  const ballast = join(disk.folder, 'ballast')
  try {
    await db.$executeRawUnsafe(`create tablespace small location '${disk.folder}'`)
    await db.$executeRawUnsafe(`alter table "AuditEvent" set tablespace small`)
    expect((await world.call('change')).status).toBe(200)
    const { bavail, bsize } = await statfs(disk.folder)
    await writeFile(ballast, Buffer.alloc(bavail * bsize, 1))
    // Pages that are there already still take some rows.
    await expectRefusal(world)
    await rm(ballast)
    await expectRecovery(world)
    await db.$executeRawUnsafe(`alter table "AuditEvent" set tablespace pg_default`)
    await db.$executeRawUnsafe(`drop tablespace small`)
  } finally {
    await disk.remove()
  }
})

test(
  'PostgreSQL killed under load, several times: nothing that was answered is lost, and what was carried out is recorded once',
  { timeout: 300_000 },
  async ({ world }) => {
    const { postgres, db, upstream, broker } = world
    const agent = await grantedAgent(db)
    const token = await sessionToken(db, broker.url, agent)
    await broker.broker.keeper.refresh()
    const count = await db.auditEvent.count()
    upstream.calls.length = 0
    const load = startLoad({ url: broker.url, token: () => token, serverId: 'erp', users: 8, pauseMs: 5 })
    for (let times = 0; times < 3; times += 1) {
      const answered = load.acknowledged.length
      await until(() => load.acknowledged.length > answered + 40, 30_000)
      await postgres.kill()
      await postgres.restart()
    }
    const answered = load.acknowledged.length
    await until(() => load.acknowledged.length > answered + 40, 30_000)
    await load.stop()
    await until(async () => (await auditWaiting(broker.url)) === 0)
    const logs = await compareLogs(db, { agentId: agent.agentId, load, upstream })
    expect(logs.missing).toEqual(nothingMissing)
    // The broker lived on, so the end of everything that was carried out is there as well.
    expect(logs.executedWithoutEnd).toEqual([])
    expect(logs.acknowledged).toBeGreaterThan(120)
    // And the sequence has no gap, whatever was cut off in the middle.
    const [numbers] = await db.$queryRaw<
      { last: bigint; rows: bigint }[]
    >`select max("seq") as last, count(*) as rows from "AuditEvent"`
    expect(numbers!.rows).toBe(numbers!.last)
    expect(Number(numbers!.rows)).toBeGreaterThan(count)
  },
)

test(
  'a full disk of the write-ahead log, under load: refused and said so, and with room again it goes on without losing what was answered',
  { timeout: 300_000 },
  async ({ world, skip }) => {
    const { postgres, db, upstream, broker } = world
    // The smallest that its first segments and those of a recovery fit on.
    const disk = await smallDisk(postgres.folder, { megabytes: 96 })
    if (typeof disk === 'string') return skip(disk)
    const wal = join(postgres.folder, 'pg_wal')
    const ballast = join(disk.folder, 'ballast')
    try {
      for (const setting of ['max_wal_size = 64', 'min_wal_size = 32'])
        await db.$executeRawUnsafe(`alter system set ${setting}`)
      await postgres.end()
      const home = `${wal}-before`
      await rename(wal, home)
      // As whoever moves the log to a disk of its own does.
      await cp(home, join(disk.folder, 'wal'), { recursive: true, preserveTimestamps: true })
      await ownedLike(postgres.folder, join(disk.folder, 'wal'))
      await symlink(join(disk.folder, 'wal'), wal)
      await postgres.restart()
      await expectRecovery(world)
      const agent = await grantedAgent(db)
      const token = await sessionToken(db, broker.url, agent)
      await broker.broker.keeper.refresh()
      upstream.calls.length = 0
      const load = startLoad({ url: broker.url, token: () => token, serverId: 'erp', users: 4, pauseMs: 5 })
      await until(() => load.acknowledged.length > 40, 30_000)
      const { bavail, bsize } = await statfs(disk.folder)
      await writeFile(ballast, Buffer.alloc(bavail * bsize, 1))
      // What is in its segments already still goes; then a new one does not fit.
      const filler = fill(db)
      await expectRefusal(world)
      await filler.stop()
      const refused = load.others.length
      await until(() => load.others.length > refused, 20_000)
      await rm(ballast)
      // PostgreSQL ends itself when it cannot write its log, and whatever looks after it starts it again.
      if (postgres.hasEnded()) await postgres.restart()
      await expectRecovery(world)
      const answered = load.acknowledged.length
      await until(() => load.acknowledged.length > answered + 40, 60_000)
      await load.stop()
      await until(async () => (await auditWaiting(broker.url)) === 0, 30_000)
      // Those of the load: each has a word of its own.
      const calls = upstream.calls.filter(({ arguments: given }) => (given as { word?: string }).word !== undefined)
      const logs = await compareLogs(db, { agentId: agent.agentId, load, upstream: { ...upstream, calls } })
      expect(logs.missing).toEqual(nothingMissing)
      expect(logs.executedWithoutEnd).toEqual([])
      expect(logs.acknowledged).toBeGreaterThan(80)
      await postgres.end()
      await rm(wal)
      await cp(join(disk.folder, 'wal'), home, { recursive: true, force: true })
      await rename(home, wal)
      await ownedLike(postgres.folder, wal)
      await postgres.restart()
      await expectRecovery(world)
    } finally {
      await disk.remove()
    }
  },
)

/** Writes to the log what nobody needs, as any other user of the database does, until it cannot. */
function fill(db: Db): { stop(): Promise<void> } {
  const ended = new AbortController()
  const filling = (async () => {
    while (!ended.signal.aborted) {
      await db.$queryRaw`select pg_logical_emit_message(false, 'filler', repeat('x', 1000000))`.catch(() => {})
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
  })()
  return {
    async stop() {
      ended.abort()
      await filling
    },
  }
}

async function ownedLike(like: string, folder: string): Promise<void> {
  const { uid, gid } = await stat(like)
  await promisify(execFile)('chown', ['-R', `${uid}:${gid}`, folder])
}

async function auditWaiting(url: string): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text()
  return Number(/^wheelhouse_broker_audit_waiting (\d+)$/m.exec(text)?.[1] ?? Number.NaN)
}

/** A small file system that belongs to the owner of `like`; a reason when there can be none. */
async function smallDisk(
  like: string,
  { megabytes = 24 } = {},
): Promise<{ folder: string; remove(): Promise<void> } | string> {
  if (process.getuid?.() !== 0) return 'only root may mount a small file system'
  const run = promisify(execFile)
  const folder = await mkdtemp(join(tmpdir(), 'wheelhouse-small-disk-'))
  const { uid, gid } = await stat(like)
  try {
    await run('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m,uid=${uid},gid=${gid},mode=0700`, 'tmpfs', folder])
  } catch (error) {
    await rm(folder, { recursive: true })
    return `this host does not mount: ${String(error)}`
  }
  return {
    folder,
    async remove() {
      // Lazily: after a failure the database may still hold files of it.
      await run('umount', ['-l', folder])
      await rm(folder, { recursive: true, force: true })
    },
  }
}
