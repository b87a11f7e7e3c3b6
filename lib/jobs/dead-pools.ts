import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { endWithHost, keepAlive } from '#lib/db/connection.ts'
import type { Log } from '#lib/log/log.ts'

/** A pool may hold jobs for this long before it has taken its lock. */
const graceSeconds = 5
/** Until the database has answered; a lock is waited for less, so that nobody is left waiting for it there. */
const answerMs = 15_000
const lockMs = 10_000

export type DeadPools = { stop(): Promise<void> }

/**
 * Gives back the jobs of workers that died: the queue itself waits four hours for them. Every worker holds a lock named like its pool for
 * as long as it lives; whoever can take the lock of another pool that holds jobs knows that it is dead.
 */
export function releaseDeadPools(options: {
  databaseUrl: string
  poolId: () => string | undefined
  log: Log
  everyMs?: number
}): DeadPools {
  const stopping = new AbortController()
  const loop = watch()

  async function watch(): Promise<void> {
    while (!stopping.signal.aborted) {
      const client = new pg.Client({
        connectionString: options.databaseUrl,
        application_name: 'wheelhouse-alive',
        connectionTimeoutMillis: answerMs,
        query_timeout: answerMs,
        lock_timeout: lockMs,
        ...keepAlive,
      })
      const connection = { failed: false }
      client.on('error', () => (connection.failed = true))
      try {
        await client.connect()
        await announce(client)
        while (!stopping.signal.aborted && !connection.failed) {
          await releaseOnce(client)
          await pause(options.everyMs ?? 2_000)
        }
      } catch (error) {
        options.log.warn({ err: error }, 'jobs of dead workers could not be looked for')
        await pause(1_000)
      } finally {
        await client.end().catch(() => {})
      }
    }
  }

  async function announce(client: pg.Client): Promise<void> {
    while (!stopping.signal.aborted) {
      const poolId = options.poolId()
      if (poolId) {
        await client.query(`select ${endWithHost}, pg_advisory_lock(hashtextextended($1, 1))`, [poolId])
        return
      }
      await pause(50)
    }
  }

  async function releaseOnce(client: pg.Client): Promise<void> {
    const { rows } = await client.query<{ id: string }>(
      `select distinct locked_by as id from graphile_worker.jobs
       where locked_by is not null and locked_by <> $1 and locked_at < now() - make_interval(secs => $2)`,
      [options.poolId() ?? '', graceSeconds],
    )
    for (const { id } of rows) {
      const taken = await client.query<{ ok: boolean }>('select pg_try_advisory_lock(hashtextextended($1, 1)) as ok', [
        id,
      ])
      if (!taken.rows[0]?.ok) continue
      await client.query('select graphile_worker.force_unlock_workers(array[$1])', [id])
      await client.query('select pg_advisory_unlock(hashtextextended($1, 1))', [id])
      options.log.warn({ poolId: id }, 'the jobs of a dead worker are free again')
    }
  }

  async function pause(ms: number): Promise<void> {
    await sleep(ms, undefined, { signal: stopping.signal }).catch(() => {})
  }

  return {
    async stop() {
      stopping.abort()
      await loop
    },
  }
}
