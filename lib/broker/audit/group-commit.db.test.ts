import { randomUUID } from 'node:crypto'
import { expect, vi } from 'vitest'
import { auditRow } from '#lib/audit/commands.ts'
import { systemActor } from '#lib/auth/ctx.ts'
import type { Db } from '#lib/db/client.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { createLog } from '#lib/log/log.ts'
import { standardLimits } from '../limits.ts'
import { AuditUnavailable, GroupCommit } from './group-commit.ts'

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
    await vi.waitFor(async () => expect(await append(rowOf())).toBe('recorded'), { timeout: 5000, interval: 50 })
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

const nameOf = (error: unknown) => (error instanceof AuditUnavailable ? 'refused' : String(error))

function rowOf() {
  const subject = { kind: 'server', id: randomUUID(), name: 'x' }
  return auditRow(
    { actor: systemActor('broker'), now: new Date() },
    { event: 'mcp.tools_listed', subject, detail: { listed: 0, hidden: 0 } },
  )
}

/** Keeps everybody from appending until it is released. */
async function holdHead(db: Db): Promise<{ release(): void }> {
  const held = Promise.withResolvers<void>()
  const released = Promise.withResolvers<void>()
  void db.$transaction(
    async (tx) => {
      await tx.$queryRaw`select 1 from "AuditHead" for update`
      held.resolve()
      await released.promise
    },
    { timeout: 20_000 },
  )
  await held.promise
  return { release: released.resolve }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
