import { randomBytes, randomUUID } from 'node:crypto'
import { expect } from 'vitest'
import { inTx } from '#lib/auth/ctx.ts'
import { createLocks } from '#lib/db/locks.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { ctxFor, makeAgent } from '#lib/dev/test/fleet.ts'
import { startTcpProxy, type TcpProxy } from '#lib/dev/test/tcp-proxy.ts'
import { startWorkerProcess } from '#lib/dev/test/worker-process.ts'
import { orderStop } from '#lib/killswitch/commands.ts'
import { createLog } from '#lib/log/log.ts'
import { enqueue, jobs } from './contracts.ts'

/** A worker as in production, and what stands between it and its database. */
const test = dbTest.extend('proxy', { scope: 'file' }, async ({ databaseUrl }, { onCleanup }): Promise<TcpProxy> => {
  const proxy = await startTcpProxy(databaseUrl)
  const worker = await startWorkerProcess({
    DATABASE_URL: proxy.url,
    WHEELHOUSE_ENCRYPTION_KEY: randomBytes(32).toString('base64'),
  })
  onCleanup(async () => {
    await worker.kill()
    await proxy.stop()
  })
  return proxy
})

test(
  'a run that somebody else has locked for long holds no hand of a worker: its job fails, and is tried again',
  { timeout: 240_000 },
  async ({ db, databaseUrl, proxy }) => {
    expect(proxy.port).toBeGreaterThan(0)
    const log = createLog({ process: 'test', level: 'silent' })
    const locks = createLocks({ databaseUrl, poolSize: 1, waitMs: 30_000, log })
    const runId = randomUUID()
    const jobsLeft = () => db.$queryRaw<{ waits: boolean; error: string }[]>`
      select "locked_at" is null and "attempts" > 0 as "waits", coalesce("last_error", '') as "error"
      from graphile_worker._private_jobs where "payload"->>'runId' = ${runId}`
    await locks.exclusively(`run:${runId}`, async () => {
      await inTx(ctxFor(db), (tx) => enqueue(tx, jobs.stopRun, { payload: { runId } }))
      await expect.poll(async () => (await jobsLeft())[0]?.waits, { timeout: 120_000, interval: 200 }).toBe(true)
      expect((await jobsLeft())[0]?.error).toContain('lock timeout')
    })
    await expect.poll(jobsLeft, { timeout: 90_000, interval: 200 }).toEqual([])
    await locks.stop()
  },
)

test(
  'a worker whose database was lost without a word obeys stop orders again, without being started anew',
  { timeout: 240_000 },
  async ({ db, proxy }) => {
    const { id } = await makeAgent(db)
    proxy.lose()
    await orderStop(ctxFor(db), { scope: 'agent', targetId: id, reason: 'It goes on and on.' })
    const acknowledged = () => db.stopAck.count({ where: { process: 'worker' } })
    await expect.poll(acknowledged, { timeout: 120_000, interval: 200 }).toBe(1)
  },
)
