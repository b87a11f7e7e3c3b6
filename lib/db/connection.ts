import type pg from 'pg'

/** Until there is a connection, and until a statement is answered; beyond that the database has stopped, or is another one by now. */
const standardAnswerMs = 60_000
/** What waits for a lock gives up before its transaction does, which would leave the connection waiting for somebody who has gone. */
const lockMs = 25_000
/** How long a transaction may last, and may lie idle: whoever asks for nothing any more has stopped, and others wait for what it has locked. */
export const transactionMs = 30_000

/** Whoever only waits says nothing over its connection, and would never learn that it leads nowhere: asked after so long, it knows ten seconds later. */
export const keepAlive = { keepAlive: true, keepAliveInitialDelayMillis: 20_000 }

/**
 * Columns for the statement that takes a lock of a session: PostgreSQL asks after its host by then, and ends a session whose host is gone within a
 * minute, and with it the lock. Of itself it waits two hours for one that lost its power or its network.
 */
export const endWithHost = `set_config('tcp_keepalives_idle', '20', false), set_config('tcp_keepalives_interval', '5', false),
  set_config('tcp_keepalives_count', '4', false)`

/** What differs from what every connection has. */
export type ConnectionLimits = { answerMs?: number | undefined; idleMs?: number | undefined }

/**
 * What keeps a process from waiting for a database that has gone without a word, and others from waiting for a process that has. PostgreSQL gives up
 * first where it can, so that what is reported as failed has failed there too.
 */
export function connectionLimits(options: ConnectionLimits = {}): pg.PoolConfig {
  const { answerMs = standardAnswerMs, idleMs = transactionMs } = options
  return {
    connectionTimeoutMillis: answerMs,
    query_timeout: answerMs,
    statement_timeout: Math.ceil(answerMs * 0.8),
    lock_timeout: lockMs,
    idle_in_transaction_session_timeout: idleMs,
    ...keepAlive,
  }
}
