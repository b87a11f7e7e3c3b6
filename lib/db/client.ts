import { PrismaPg } from '@prisma/adapter-pg'
import type pg from 'pg'
import { PrismaClient, type Prisma } from './generated/client.ts'
import { CleanPool } from './pool.ts'

export type Db = PrismaClient
/** A Prisma client inside a transaction: it cannot open a second one. */
export type Tx = Prisma.TransactionClient

const transactionMs = 30_000
/** What waits for a lock gives up before its transaction does, which would leave the connection waiting for somebody who has gone. */
const lockMs = 25_000

/**
 * A pooled client on one PostgreSQL; every process makes exactly one and disconnects it when it stops. With `answerMs` whatever is asked fails when
 * there is no connection or no answer for so long, so that nobody waits for a database that has stopped answering. A transaction that asks for nothing
 * for `idleMs` is undone by PostgreSQL: whoever began it has stopped, and others wait for what it has locked.
 */
export function createDb(
  databaseUrl: string,
  options: { poolSize?: number; answerMs?: number; idleMs?: number } = {},
): Db {
  const { poolSize = 8, answerMs, idleMs = transactionMs } = options
  const limits = {
    lock_timeout: lockMs,
    idle_in_transaction_session_timeout: idleMs,
    ...limitsFor(answerMs),
  }
  const pool = new CleanPool({ connectionString: databaseUrl, max: poolSize, ...limits })
  const adapter = new PrismaPg(pool, { disposeExternalPool: true })
  return new PrismaClient({ adapter, transactionOptions: { maxWait: 10_000, timeout: transactionMs } })
}

/** PostgreSQL gives up first where it can, so that what is reported as failed has failed there too, and holds no lock for whoever has gone. */
function limitsFor(answerMs: number | undefined): pg.PoolConfig {
  if (answerMs === undefined) return {}
  return {
    connectionTimeoutMillis: answerMs,
    query_timeout: answerMs,
    statement_timeout: Math.ceil(answerMs * 0.8),
  }
}

/** Planning between two statements takes no longer, however long a transaction lasts. */
const planningMs = 120_000

/** For a transaction that may last so long: it may lie idle in between, as somebody who plans much does. */
export async function letLast(tx: Tx, ms: number): Promise<void> {
  await tx.$executeRawUnsafe(`set local idle_in_transaction_session_timeout = ${Math.min(ms, planningMs)}`)
}
