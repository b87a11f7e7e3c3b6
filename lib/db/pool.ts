import pg from 'pg'

/**
 * A pool that keeps no connection with a transaction on it. Whoever gives one back may have given up a ROLLBACK or COMMIT that was never sent or
 * answered, and says nothing of it: what is written over it next would be part of that transaction.
 */
export class CleanPool extends pg.Pool {
  override connect(): Promise<pg.PoolClient>
  override connect(callback: Parameters<pg.Pool['connect']>[0]): void
  override connect(callback?: Parameters<pg.Pool['connect']>[0]): Promise<pg.PoolClient> | void {
    // With a callback the pool itself asks, for one query, and tells of its failure when it gives the connection back.
    return callback ? super.connect(callback) : super.connect().then(givenBackClean)
  }
}

function givenBackClean(client: pg.PoolClient): pg.PoolClient {
  const { release } = client
  client.release = (error) => release.call(client, error ?? client.getTransactionStatus() !== 'I')
  return client
}
