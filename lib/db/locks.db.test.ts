import { readFile } from 'node:fs/promises'
import pg from 'pg'
import { expect, onTestFinished } from 'vitest'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { startTcpProxy } from '#lib/dev/test/tcp-proxy.ts'
import { createLog } from '#lib/log/log.ts'
import { createLocks } from './locks.ts'

const log = createLog({ process: 'test', level: 'silent' })

/** Ends connections of locks as a database does that is started anew: those that wait for one, or those that have one. */
async function endConnections(databaseUrl: string, which: 'waiting' | 'holding'): Promise<void> {
  const other = new pg.Client({ connectionString: databaseUrl })
  await other.connect()
  const ended = async () => {
    const { rowCount } = await other.query(
      `select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'wheelhouse-locks'
        and datname = current_database() and (wait_event_type = 'Lock') = $1`,
      [which === 'waiting'],
    )
    return rowCount
  }
  await expect.poll(ended, { timeout: 10_000 }).toBe(1)
  await other.end()
}

/** Hears what nobody else does, and would end a process. */
function unheard(): Error[] {
  const errors: Error[] = []
  const hear = (error: Error): void => void errors.push(error)
  process.on('uncaughtExceptionMonitor', hear)
  onTestFinished(() => void process.off('uncaughtExceptionMonitor', hear))
  return errors
}

dbTest(
  'a lock ends with its connection, and nothing else does: not its work, not the process',
  async ({ databaseUrl }) => {
    const errors = unheard()
    const locks = createLocks({ databaseUrl, poolSize: 3, waitMs: 30_000, log })
    const begun = Promise.withResolvers<void>()
    const over = Promise.withResolvers<void>()
    const first = locks.exclusively('one', async () => {
      begun.resolve()
      await over.promise
      return 'first'
    })
    await begun.promise
    const second = locks.exclusively('one', async () => 'second').catch(() => 'cut off')
    await endConnections(databaseUrl, 'waiting')
    expect(await second).toBe('cut off')
    await endConnections(databaseUrl, 'holding')
    expect(await locks.exclusively('one', async () => 'third')).toBe('third')
    over.resolve()
    expect(await first).toBe('first')
    expect(await locks.exclusively('one', async () => 'fourth')).toBe('fourth')
    await locks.stop()
    expect(errors).toEqual([])
  },
)

dbTest(
  'nobody waits longer for a lock than is said: not for who holds it, not for a database that has stopped',
  async ({ databaseUrl }) => {
    const proxy = await startTcpProxy(databaseUrl)
    const locks = createLocks({ databaseUrl: proxy.url, poolSize: 2, waitMs: 2000, log })
    const over = Promise.withResolvers<void>()
    const begun = Promise.withResolvers<void>()
    const holding = locks.exclusively('one', () => {
      begun.resolve()
      return over.promise
    })
    await begun.promise
    await expect(locks.exclusively('one', async () => {})).rejects.toThrow(/timeout/)
    proxy.freeze()
    const asked = await Promise.allSettled(
      ['two', 'three', 'four'].map((key) => locks.exclusively(key, async () => {})),
    )
    expect(asked.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected'])
    over.resolve()
    await holding
    await proxy.restore()
    const again = () => locks.exclusively('one', async () => 'again').catch(() => 'not yet')
    await expect.poll(again, { timeout: 10_000 }).toBe('again')
    await locks.stop()
    await proxy.stop()
  },
)

const isLinux = process.platform === 'linux'

dbTest.skipIf(!isLinux)(
  'PostgreSQL asks soon after the host of whoever has a lock, instead of after hours',
  async ({ db, databaseUrl }) => {
    const locks = createLocks({ databaseUrl, poolSize: 1, waitMs: 30_000, log })
    await locks.exclusively('one', async () => {
      const [holder] = await db.$queryRaw<[{ port: number }]>`
        select client_port as "port" from pg_stat_activity
        where application_name = 'wheelhouse-locks' and datname = current_database()`
      const asksAfterSeconds = () => keepaliveSeconds({ near: Number(new URL(databaseUrl).port), far: holder.port })
      await expect.poll(asksAfterSeconds).toBeLessThanOrEqual(60)
    })
    await locks.stop()
  },
)

/** When the system asks next whether the other end of a connection is there, as Linux lists it: a timer of the kind 2, in hundredths of a second. */
async function keepaliveSeconds({ near, far }: { near: number; far: number }): Promise<number> {
  const port = (of: string) => Number.parseInt(of.split(':')[1]!, 16)
  const connections = (await readFile('/proc/net/tcp', 'utf8')).trim().split('\n').slice(1)
  for (const line of connections) {
    const [, local, remote, , , timer] = line.trim().split(/\s+/)
    if (port(local!) !== near || port(remote!) !== far) continue
    const [kind, due] = timer!.split(':')
    return kind === '02' ? Number.parseInt(due!, 16) / 100 : Number.POSITIVE_INFINITY
  }
  throw new Error('the connection is not listed')
}
