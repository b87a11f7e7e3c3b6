import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { expect, vi } from 'vitest'
import { auditRow } from '#lib/audit/commands.ts'
import { systemActor } from '#lib/auth/ctx.ts'
import type { Db, Tx } from '#lib/db/client.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import type { ToolFacts } from '#lib/guardrails/rules/facts.ts'
import { createLog } from '#lib/log/log.ts'
import { standardLimits } from '../limits.ts'
import { AuditUnavailable, GroupCommit } from './group-commit.ts'
import { observing } from './observations.ts'

const auditWaitMs = 400

dbTest(
  'goes on after rows were given up while a batch with a bad one is tried row by row',
  async ({ db, databaseUrl }) => {
    const log = createLog({ process: 'broker', level: 'silent' })
    const audit = new GroupCommit({ databaseUrl, log, limits: { ...standardLimits, auditWaitMs } })
    await audit.start()
    const append = (row: Record<string, unknown>) =>
      audit.append(row, { happened: false }).then(() => 'recorded', nameOf)
    // The first row waits for the head of the log; the others collect behind it and are one batch.
    const held = await holdHead(db)
    const first = append(rowOf())
    const rest = [append({ ...rowOf(), runId: 'no uuid' }), append(rowOf()), append(rowOf())]
    await pause(auditWaitMs / 2)
    held.release()
    await first
    // The bad batch has come back; from here on the rows of it are late before their turn comes.
    const again = await holdHead(db)
    await pause(auditWaitMs)
    again.release()
    const outcomes = await Promise.all(rest)
    expect(outcomes).toHaveLength(3)
    // It may have given up its connection as well; then it is back in a moment.
    await vi.waitFor(async () => expect(await append(rowOf())).toBe('recorded'), { timeout: 15_000, interval: 50 })
    expect(audit.waiting).toBe(0)
    await audit.stop()
  },
)

dbTest('rows of one moment are one commit, in their order', async ({ db, databaseUrl }) => {
  const log = createLog({ process: 'broker', level: 'silent' })
  const batches: number[] = []
  const audit = new GroupCommit({ databaseUrl, log, limits: standardLimits, onBatch: (rows) => batches.push(rows) })
  await audit.start()
  const rows = Array.from({ length: 100 }, rowOf)
  await Promise.all(rows.map((row) => audit.append(row, { happened: false })))
  expect(batches).toEqual([100])
  const recorded = await db.auditEvent.findMany({ orderBy: { seq: 'desc' }, take: 100, select: { id: true } })
  expect(recorded.map(({ id }) => id).toReversed()).toEqual(rows.map(({ id }) => id))
  await audit.stop()
})

dbTest(
  'the end of a call that two brokers saw is one row, and keeps no other row back',
  async ({ db, databaseUrl }) => {
    const log = createLog({ process: 'broker', level: 'silent' })
    const brokers = [0, 1].map(() => new GroupCommit({ databaseUrl, log, limits: standardLimits }))
    await Promise.all(brokers.map((audit) => audit.start()))
    const [end, ...others] = [rowOf(), rowOf(), rowOf()]
    const rows = brokers.flatMap((audit, at) => [end, others[at]!].map((row) => audit.append(row, { happened: true })))
    await Promise.all(rows)
    const ids = [end, ...others].map(({ id }) => String(id))
    expect(await db.auditEvent.count({ where: { id: { in: ids } } })).toBe(3)
    await Promise.all(brokers.map((audit) => audit.stop()))
  },
)

dbTest('what arguments were like never keeps a record back, whatever is wrong with it', async ({ db, databaseUrl }) => {
  const log = createLog({ process: 'broker', level: 'silent' })
  const audit = new GroupCommit({ databaseUrl, log, limits: { ...standardLimits, auditWaitMs } })
  await audit.start()
  const call = (given: unknown) => observing(rowOf(), { tool: look, given, isPrivate: false })
  const append = (row: Record<string, unknown>) => audit.append(row, { happened: true }).then(() => 'recorded', nameOf)
  const throwing = Object.defineProperty({}, 'a', {
    enumerable: true,
    get: () => {
      throw new Error('unreadable')
    },
  })
  const rows = [call({ a: 'x' }), call(throwing), rowOf()]
  expect(await Promise.all(rows.map(append))).toEqual(['recorded', 'recorded', 'recorded'])
  expect(await db.argumentObservation.findMany()).toEqual([
    { eventId: rows[0]!['id'], facts: { '/a': { values: ['x'] } } },
  ])
  // No bad data: something else of the database's.
  await db.$executeRaw`alter table "ArgumentObservation" rename to "Gone"`
  const without = [call({ a: 'y' }), rowOf(), { ...call({ a: 'z' }), runId: 'no uuid' }]
  expect(await Promise.all(without.map(append))).toEqual(['recorded', 'recorded', 'refused'])
  await db.$executeRaw`alter table "Gone" rename to "ArgumentObservation"`
  // Nor one that has to wait for it: what was sent once goes without it the next time.
  const held = await holdObservations(db)
  const waiting = call({ a: 'w' })
  expect(await append(waiting)).toBe('refused')
  const isRecorded = () => db.auditEvent.count({ where: { id: String(waiting['id']) } })
  await vi.waitFor(async () => expect(await isRecorded()).toBe(1), { timeout: 15_000, interval: 50 })
  held.release()
  await audit.stop()
})

dbTest(
  'while somebody holds the log, connections that were given up leave nobody behind who waits for it',
  { timeout: 120_000 },
  async ({ db, databaseUrl }) => {
    const log = createLog({ process: 'broker', level: 'silent' })
    const audit = new GroupCommit({ databaseUrl, log, limits: { ...standardLimits, auditWaitMs: 200 } })
    await audit.start()
    const connections = async () => {
      const rows = await db.$queryRaw<{ pid: number }[]>`
        select pid from pg_stat_activity where application_name = 'wheelhouse-broker-audit' and datname = current_database()`
      return rows.map(({ pid }) => pid)
    }
    const held = await holdHead(db)
    const row = rowOf()
    const outcome = audit.append(row, { happened: true }).then(() => 'recorded', nameOf)
    const seen = new Set<number>()
    let most = 0
    const anew = async () => {
      const now = await connections()
      for (const pid of now) seen.add(pid)
      most = Math.max(most, now.length)
      return seen.size
    }
    await expect.poll(anew, { timeout: 60_000, interval: 20 }).toBeGreaterThan(6)
    // One that waits, and at times the one before it, which is about to end.
    expect(most).toBeLessThan(5)
    held.release()
    expect(await outcome).toBe('refused')
    const recorded = () => db.auditEvent.count({ where: { id: String(row['id']) } })
    await expect.poll(recorded, { timeout: 30_000 }).toBe(1)
    await audit.stop()
  },
)

const look: ToolFacts = { serverId: 's', name: 'look', class: 'read', state: 'approved' }

const nameOf = (error: unknown) => (error instanceof AuditUnavailable ? 'refused' : String(error))

function rowOf() {
  const subject = { kind: 'server', id: randomUUID(), name: 'x' }
  return auditRow(
    { actor: systemActor('broker'), now: new Date() },
    { event: 'mcp.tools_listed', subject, detail: { listed: 0, hidden: 0 } },
  )
}

/** Keeps everybody from appending until it is released. */
function holdHead(db: Db): Promise<{ release(): void }> {
  return hold(db, (tx) => tx.$queryRaw`select 1 from "AuditHead" for update`)
}

function holdObservations(db: Db): Promise<{ release(): void }> {
  return hold(db, (tx) => tx.$executeRaw`lock table "ArgumentObservation" in exclusive mode`)
}

async function hold(db: Db, take: (tx: Tx) => Promise<unknown>): Promise<{ release(): void }> {
  const held = Promise.withResolvers<void>()
  const released = Promise.withResolvers<void>()
  void db.$transaction(
    async (tx) => {
      await take(tx)
      held.resolve()
      await released.promise
    },
    { timeout: 90_000 },
  )
  await held.promise
  return { release: released.resolve }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

dbTest(
  'rows that may be recorded are recorded once, also after a connection that answers nothing',
  async ({ db, databaseUrl }) => {
    const proxy = await startAskedProxy(databaseUrl)
    const log = createLog({ process: 'broker', level: 'silent' })
    const audit = new GroupCommit({ databaseUrl: proxy.databaseUrl, log, limits: { ...standardLimits, auditWaitMs } })
    await audit.start()
    await audit.append(rowOf(), { happened: true })
    const row = rowOf()
    proxy.breaksNext()
    const outcome = audit.append(row, { happened: true }).then(() => 'recorded', nameOf)
    await vi.waitFor(() => expect(proxy.leftUnanswered).toBe(1), { timeout: 15_000, interval: 20 })
    await vi.waitFor(async () => expect(await db.auditEvent.count({ where: { id: String(row['id']) } })).toBe(1), {
      timeout: 10_000,
      interval: 50,
    })
    // Nobody waited so long for it.
    expect(await outcome).toBe('refused')
    await vi.waitFor(() => expect(audit.available).toBe(true), { timeout: 15_000 })
    await audit.stop()
    await proxy.stop()
  },
)

/** Stands before a database: breaks the connection that appends next, and leaves unanswered, for ever, who asks on the one after it what was recorded. */
async function startAskedProxy(databaseUrl: string) {
  const target = new URL(databaseUrl)
  const sockets = new Set<Socket>()
  let breaks = false
  const counts = { leftUnanswered: 0 }
  const server = createServer((near) => {
    const far = connect(Number(target.port), target.hostname)
    let isLeft = false
    for (const socket of [near, far]) {
      sockets.add(socket)
      socket.on('error', () => {}).on('close', () => sockets.delete(socket))
    }
    near.on('close', () => far.destroy())
    near.on('data', (chunk) => {
      if (breaks && chunk.includes('audit_append')) {
        breaks = false
        return void near.destroy()
      }
      if (counts.leftUnanswered === 0 && chunk.includes('any ($1::uuid[])')) {
        counts.leftUnanswered = 1
        isLeft = true
      }
      if (!isLeft) far.write(chunk)
    })
    far.on('data', (chunk) => void near.write(chunk))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const through = new URL(databaseUrl)
  through.port = String((server.address() as AddressInfo).port)
  return {
    databaseUrl: through.href,
    get leftUnanswered() {
      return counts.leftUnanswered
    },
    breaksNext: () => (breaks = true),
    async stop() {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
