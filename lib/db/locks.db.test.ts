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
    const locks = createLocks({ databaseUrl, poolSize: 3, log })
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
