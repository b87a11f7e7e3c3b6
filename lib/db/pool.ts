import pg from 'pg'
import { lastingMs } from './lasting.ts'

/**
 * A pool that keeps no connection with a transaction on it, and none that has not answered. Whoever gives one back may have given up a ROLLBACK or COMMIT
 * that was never sent or answered, and says nothing of it: what is written over it next would be part of that transaction.
 */
export class CleanPool extends pg.Pool {
  override connect(): Promise<pg.PoolClient>
  override connect(callback: Parameters<pg.Pool['connect']>[0]): void
  override connect(callback?: Parameters<pg.Pool['connect']>[0]): Promise<pg.PoolClient> | void {
    // With a callback the pool itself asks, for one query, and tells of its failure when it gives the connection back.
    return callback ? super.connect(callback) : super.connect().then(lent)
  }
}

/** PostgreSQL gives up first. */
const patience = 1.25

type Asked = string | (pg.QueryConfig & { query_timeout?: number })

function lent(client: pg.PoolClient): pg.PoolClient {
  const { release } = client
  const ask = client.query.bind(client) as unknown as (asked: Asked, ...rest: unknown[]) => unknown
  let waitMs: number | null = null
  let isSilent = false
  const query = (asked: Asked, ...rest: unknown[]): unknown => {
    const config = typeof asked === 'string' ? { text: asked } : asked
    const ms = lastingMs(config.text)
    if (ms !== null) waitMs = ms * patience
    const answer = waitMs === null ? ask(asked, ...rest) : ask({ ...config, query_timeout: waitMs }, ...rest)
    if (answer instanceof Promise) void answer.catch((error: unknown) => (isSilent ||= isNoAnswer(error)))
    return answer
  }
  client.query = query as unknown as typeof client.query
  client.release = (error) => {
    // Only who has borrowed it waits so.
    Reflect.deleteProperty(client, 'query')
    release.call(client, error ?? (isSilent || client.getTransactionStatus() !== 'I'))
  }
  return client
}

/** What `pg` says after `query_timeout`: the statement may be under way still. */
function isNoAnswer(error: unknown): boolean {
  return error instanceof Error && error.message === 'Query read timeout'
}
