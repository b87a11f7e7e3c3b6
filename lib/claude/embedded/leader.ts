import pg from 'pg'
import { endWithHost, keepAlive } from '#lib/db/connection.ts'
import type { Log } from '#lib/log/log.ts'

/** Any constant that no other advisory lock of the product uses. */
const lockKey = 740_741_001

/**
 * Waits until this process is the only one that runs the agent loop on its database. The lock belongs to a connection, so it is free the
 * moment the holder ends, however it ends. `onLost` is called when the connection ends unasked: then this process must stop at once.
 */
export async function becomeLeader(options: { databaseUrl: string; log: Log; onLost: () => void }): Promise<void> {
  const client = new pg.Client({
    connectionString: options.databaseUrl,
    application_name: 'wheelhouse-claude-leader',
    ...keepAlive,
  })
  client.on('error', (error) => options.log.error({ err: error }, 'the leader connection failed'))
  client.on('end', options.onLost)
  await client.connect()
  const { rows } = await client.query<{ got: boolean }>(`select ${endWithHost}, pg_try_advisory_lock($1) as got`, [
    lockKey,
  ])
  if (!rows[0]?.got) {
    options.log.info('another embedded Claude server runs on this database; waiting for it to end')
    await client.query('select pg_advisory_lock($1)', [lockKey])
  }
}
