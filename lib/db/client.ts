import { PrismaPg } from '@prisma/adapter-pg'
import { type ConnectionLimits, connectionLimits, transactionMs } from './connection.ts'
import { PrismaClient, type Prisma } from './generated/client.ts'
import { CleanPool } from './pool.ts'

export type Db = PrismaClient
/** A Prisma client inside a transaction: it cannot open a second one. */
export type Tx = Prisma.TransactionClient

/**
 * A pooled client on one PostgreSQL; a process disconnects what it makes when it stops. Whatever is asked fails when there is no connection or no
 * answer for `answerMs`, so that nobody waits for a database that has stopped answering. A transaction that asks for nothing for `idleMs` is undone by
 * PostgreSQL. One that legitimately lasts longer says so with `letLast`.
 */
export function createDb(databaseUrl: string, options: { poolSize?: number } & ConnectionLimits = {}): Db {
  const { poolSize = 8, ...limits } = options
  const pool = new CleanPool({ connectionString: databaseUrl, max: poolSize, ...connectionLimits(limits) })
  const adapter = new PrismaPg(pool, { disposeExternalPool: true })
  return new PrismaClient({ adapter, transactionOptions: { maxWait: 10_000, timeout: transactionMs } })
}
