import pg from 'pg'
import type { Log } from '#lib/log/log.ts'

/** Locks that live in PostgreSQL and end with the process that holds them, whatever ends it. */
export type Locks = {
  /** Runs the work while nobody else, in any process, runs work of the same key; others wait. */
  exclusively<T>(key: string, work: () => Promise<T>): Promise<T>
  stop(): Promise<void>
}

/** A lock holds a connection of its own pool for as long as its work takes. */
export function createLocks(options: { databaseUrl: string; poolSize: number; log: Log }): Locks {
  const pool = new pg.Pool({
    connectionString: options.databaseUrl,
    max: options.poolSize,
    application_name: 'wheelhouse-locks',
  })
  pool.on('error', (error) => options.log.warn({ err: error }, 'a lock connection failed'))
  return {
    async exclusively(key, work) {
      const client = await pool.connect()
      let broken: Error | undefined
      try {
        await client.query('select pg_advisory_lock(hashtextextended($1, 0))', [key])
        return await work()
      } finally {
        await client
          .query('select pg_advisory_unlock(hashtextextended($1, 0))', [key])
          .catch((error: Error) => (broken = error))
        // A connection whose lock may still be held is closed, which ends the lock.
        client.release(broken)
      }
    },
    stop: () => pool.end(),
  }
}
