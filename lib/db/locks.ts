import pg from 'pg'
import type { Log } from '#lib/log/log.ts'
import { endWithHost, keepAlive } from './connection.ts'

/** Locks that live in PostgreSQL and end with the process that holds them, whatever ends it. */
export type Locks = {
  /** Runs the work while nobody else, in any process, runs work of the same key; others wait. */
  exclusively<T>(key: string, work: () => Promise<T>): Promise<T>
  stop(): Promise<void>
}

/** Until the database has let go of a lock; the connection of one that does not answer is closed. */
const answerMs = 5000

/** A lock holds a connection of its own pool for as long as its work takes. Nobody waits longer than `waitMs` for one, whether somebody else holds it or the database does not answer. */
export function createLocks(options: { databaseUrl: string; poolSize: number; waitMs: number; log: Log }): Locks {
  const { databaseUrl, poolSize, waitMs, log } = options
  const pool = new pg.Pool({
    connectionString: databaseUrl,
    max: poolSize,
    application_name: 'wheelhouse-locks',
    connectionTimeoutMillis: waitMs,
    lock_timeout: waitMs,
    ...keepAlive,
  })
  pool.on('error', (error) => log.warn({ err: error }, 'a lock connection failed'))
  return {
    async exclusively(key, work) {
      const client = await pool.connect()
      let broken: Error | undefined
      // While it is lent nobody else listens, and what nobody hears ends the process.
      const onError = (error: Error): void => {
        broken = error
        log.warn({ err: error, lock: key }, 'the connection of a lock was lost: somebody else may have it now')
      }
      client.on('error', onError)
      try {
        const lock = {
          text: `select ${endWithHost}, pg_advisory_lock(hashtextextended($1, 0))`,
          values: [key],
          query_timeout: waitMs + answerMs,
        }
        await client.query(lock)
        return await work()
      } finally {
        const unlock = {
          text: 'select pg_advisory_unlock(hashtextextended($1, 0))',
          values: [key],
          query_timeout: answerMs,
        }
        await client.query(unlock).catch((error: Error) => (broken = error))
        // A connection whose lock may still be held is closed, which ends the lock.
        client.release(broken)
        client.off('error', onError)
      }
    },
    stop: () => pool.end(),
  }
}
