import { setTimeout as sleep } from 'node:timers/promises'
import { Registry } from 'prom-client'
import { describe, expect } from 'vitest'
import { inTx } from '#lib/auth/ctx.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { ctxFor } from '#lib/dev/test/fleet.ts'
import { startTcpProxy } from '#lib/dev/test/tcp-proxy.ts'
import { createLog } from '#lib/log/log.ts'
import { enqueue, enqueueMany, type JobHandlers, jobs } from './contracts.ts'
import { forgetDeadJobs } from './dead-jobs.ts'
import { releaseDeadPools } from './dead-pools.ts'
import { every } from './every.ts'
import { startHealthServer } from './health.ts'
import { createLocks } from '#lib/db/locks.ts'
import { type QueueOptions, startQueue } from './queue.ts'

const log = createLog({ process: 'test', level: 'silent' })
const runId = '0199aaaa-0000-7000-8000-000000000001'

function handlers(changes: Partial<JobHandlers>): JobHandlers {
  const none = Object.fromEntries(Object.keys(jobs).map((key) => [key, async () => {}]))
  return { ...(none as unknown as JobHandlers), ...changes }
}

function queueOptions(databaseUrl: string, changes: Partial<JobHandlers>): QueueOptions {
  return { databaseUrl, handlers: handlers(changes), crontab: {}, log, concurrency: 2, onPool: () => {} }
}

describe('the queue', () => {
  dbTest('runs what commits and only that, once per key', async ({ db, databaseUrl }) => {
    const seen: string[] = []
    const undone = inTx(ctxFor(db), async (tx) => {
      await enqueue(tx, jobs.closeRun, { payload: { runId }, key: 'undone' })
      throw new Error('undo')
    })
    await expect(undone).rejects.toThrow('undo')
    await inTx(ctxFor(db), async (tx) => {
      await enqueue(tx, jobs.stopRun, { payload: { runId }, key: 'same' })
      await enqueueMany(tx, jobs.stopRun, [{ payload: { runId }, key: 'same' }])
      await enqueue(tx, jobs.stopRun, { payload: { runId }, key: 'same', onlyIfMissing: true })
    })
    const note = (name: string) => async () => void seen.push(name)
    const queue = await startQueue(queueOptions(databaseUrl, { stopRun: note('stop'), closeRun: note('close') }))
    await until(() => seen.length > 0)
    await sleep(100)
    await queue.drain()
    expect(seen).toEqual(['stop'])
  })

  dbTest('a payload that does not fit its contract never reaches the handler', async ({ db, databaseUrl }) => {
    const outcomes: { job: string; ok: boolean }[] = []
    let handled = 0
    await db.$queryRaw`select 1 from graphile_worker.add_job('start_run', '{"runId":"nonsense"}'::json, max_attempts => 1)`
    const queue = await startQueue({
      ...queueOptions(databaseUrl, { startRun: async () => void (handled += 1) }),
      onJob: (outcome) => outcomes.push(outcome),
    })
    await until(() => outcomes.length > 0)
    await queue.drain()
    expect([handled, outcomes[0]]).toMatchObject([0, { job: 'start_run', ok: false }])
  })

  dbTest('a handler knows which try it is and which is the last', async ({ db, databaseUrl }) => {
    const tries: { number: number; last: boolean }[] = []
    await db.$queryRaw`select 1 from graphile_worker.add_job('roll_up_days', '{}'::json, max_attempts => 1)`
    const queue = await startQueue(
      queueOptions(databaseUrl, { rollUpDays: async (_payload, attempt) => void tries.push(attempt) }),
    )
    await until(() => tries.length > 0)
    await queue.drain()
    expect(tries).toEqual([{ number: 1, last: true }])
  })

  const lost = { timeout: 180_000 }
  dbTest('takes what is queued also after its database was lost without a word', lost, async ({ db, databaseUrl }) => {
    const proxy = await startTcpProxy(databaseUrl)
    let handled = 0
    const stopRun = async () => void (handled += 1)
    // With one hand: another one could do the work of one that still waits for an answer.
    const queue = await startQueue({ ...queueOptions(proxy.url, { stopRun }), concurrency: 1, answerMs: 3000 })
    const enqueueOne = () => inTx(ctxFor(db), (tx) => enqueue(tx, jobs.stopRun, { payload: { runId } }))
    await enqueueOne()
    await expect.poll(() => handled, { timeout: 30_000 }).toBe(1)
    proxy.lose()
    await enqueueOne()
    await expect.poll(() => handled, { timeout: 60_000 }).toBe(2)
    await queue.drain()
    await proxy.stop()
  })

  dbTest('a job that nobody tries again is forgotten a week later, no other is', async ({ db }) => {
    await db.$executeRaw`delete from graphile_worker._private_jobs`
    for (const key of ['dead', 'fresh', 'again', 'running'])
      await inTx(ctxFor(db), (tx) => enqueue(tx, jobs.closeRun, { payload: { runId }, key }))
    await db.$executeRaw`update graphile_worker._private_jobs set
      "attempts" = case when "key" = 'again' then "max_attempts" - 1 else "max_attempts" end,
      "locked_at" = case when "key" = 'running' then now() end`
    const inDays = (days: number) => new Date(Date.now() + days * 86_400_000)
    expect(await forgetDeadJobs(db, inDays(6))).toBe(0)
    await db.$executeRaw`update graphile_worker._private_jobs set "updated_at" = now() + interval '5 days' where "key" = 'fresh'`
    expect(await forgetDeadJobs(db, inDays(8))).toBe(1)
    const left = await db.$queryRaw<{ key: string }[]>`select "key" from graphile_worker._private_jobs order by "key"`
    expect(left.map(({ key }) => key)).toEqual(['again', 'fresh', 'running'])
    await db.$executeRaw`delete from graphile_worker._private_jobs`
  })

  dbTest(
    'the job of a dead worker is free again within seconds, that of a living one is not touched',
    async ({ db, databaseUrl }) => {
      await inTx(ctxFor(db), (tx) => enqueue(tx, jobs.closeRun, { payload: { runId } }))
      await inTx(ctxFor(db), (tx) => enqueue(tx, jobs.stopRun, { payload: { runId } }))
      await db.$executeRaw`update graphile_worker._private_jobs set locked_by = 'pool-dead', locked_at = now() - interval '1 minute'
      where task_id = (select id from graphile_worker._private_tasks where identifier = 'close_run')`
      await db.$executeRaw`update graphile_worker._private_jobs set locked_by = 'pool-alive', locked_at = now() - interval '1 minute'
      where task_id = (select id from graphile_worker._private_tasks where identifier = 'stop_run')`
      const alive = releaseDeadPools({ databaseUrl, poolId: () => 'pool-alive', log, everyMs: 60_000 })
      await sleep(300)
      const reaper = releaseDeadPools({ databaseUrl, poolId: () => 'pool-reaper', log, everyMs: 50 })
      const holders = async () => {
        const rows = await db.$queryRaw<{ task: string; by: string | null }[]>`
        select task_identifier as task, locked_by as by from graphile_worker.jobs where task_identifier in ('close_run', 'stop_run')`
        return Object.fromEntries(rows.map((row) => [row.task, row.by]))
      }
      await until(async () => (await holders())['close_run'] === null)
      expect(await holders()).toEqual({ close_run: null, stop_run: 'pool-alive' })
      await Promise.all([alive.stop(), reaper.stop()])
    },
  )
})

describe('locks', () => {
  dbTest('two at once take turns on one key, and do not wait for another', async ({ databaseUrl }) => {
    const locks = [1, 2].map(() => createLocks({ databaseUrl, poolSize: 2, waitMs: 30_000, log }))
    let inside = 0
    let most = 0
    const work = async () => {
      inside += 1
      most = Math.max(most, inside)
      await sleep(50)
      inside -= 1
    }
    await Promise.all(locks.flatMap((lock) => [lock.exclusively('a', work), lock.exclusively('a', work)]))
    expect(most).toBe(1)
    await Promise.all(locks.map((lock, index) => lock.exclusively(`key ${index}`, work)))
    expect(most).toBe(2)
    await expect(locks[0]!.exclusively('a', () => Promise.reject(new Error('failed')))).rejects.toThrow('failed')
    expect(await locks[1]!.exclusively('a', async () => 'free again')).toBe('free again')
    await Promise.all(locks.map((lock) => lock.stop()))
  })
})

describe('every', () => {
  dbTest('goes on after a failure, never runs twice at once, and does not lose a nudge', async () => {
    let runs = 0
    let inside = 0
    const loop = every(60_000, {
      what: 'testing',
      log,
      work: async () => {
        expect(++inside).toBe(1)
        runs += 1
        await sleep(20)
        inside -= 1
        if (runs === 1) throw new Error('once')
      },
    })
    await sleep(5)
    loop.nudge()
    await until(() => runs === 2)
    await sleep(30)
    loop.nudge()
    await until(() => runs === 3)
    await loop.stop()
    expect(runs).toBe(3)
  })
})

describe('a loop that others depend on', () => {
  dbTest(
    'is a problem while it does not succeed, whether it fails or hangs, and is none again when it does',
    async () => {
      let outcome: () => Promise<void> = () => Promise.reject(new Error('again'))
      const loop = every(1, { what: 'reading stop orders', lateMs: 100, log, work: () => outcome() })
      await expect.poll(() => loop.problem()).toMatch(/^reading stop orders has not succeeded for \d+ s$/)
      outcome = async () => {}
      await expect.poll(() => loop.problem()).toBeNull()
      const hanging = Promise.withResolvers<void>()
      outcome = () => hanging.promise
      await expect.poll(() => loop.problem()).not.toBeNull()
      expect(loop.ageMs()).toBeGreaterThan(100)
      hanging.resolve()
      await expect.poll(() => loop.problem()).toBeNull()
      await loop.stop()
      const nobodys = every(1, { what: 'making digests', log, work: () => Promise.reject(new Error('again')) })
      await expect.poll(() => nobodys.ageMs()).toBeGreaterThan(100)
      expect(nobodys.problem()).toBeNull()
      await nobodys.stop()
    },
  )
})

describe('health', () => {
  dbTest('tells ready from alive and names what is missing', async () => {
    const missing: string[] = []
    const server = await startHealthServer({
      host: '127.0.0.1',
      port: 0,
      registry: new Registry(),
      problems: () => missing,
    })
    const ask = async (path: string, method = 'GET') => {
      const response = await fetch(`http://127.0.0.1:${server.port}${path}`, { method })
      return [response.status, await response.text()]
    }
    expect(await ask('/readyz')).toEqual([200, 'ready\n'])
    missing.push('the queue has ended')
    expect(await ask('/readyz')).toEqual([503, 'the queue has ended\n'])
    expect(await ask('/healthz')).toEqual([200, 'ok\n'])
    expect((await ask('/metrics'))[0]).toBe(200)
    expect((await ask('/else'))[0]).toBe(404)
    expect((await ask('/readyz', 'POST'))[0]).toBe(405)
    await server.stop()
  })
})

async function until(reached: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 15_000
  while (!(await reached())) {
    if (Date.now() > deadline) throw new Error('not reached')
    await sleep(20)
  }
}
