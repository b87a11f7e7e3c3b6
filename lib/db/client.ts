import { PrismaPg } from '@prisma/adapter-pg'
import { PrismaClient, type Prisma } from './generated/client.ts'

export type Db = PrismaClient
/** A Prisma client inside a transaction: it cannot open a second one. */
export type Tx = Prisma.TransactionClient

/**
 * A pooled client on one PostgreSQL; every process makes exactly one and disconnects it when it stops. With `answerMs` whatever is asked fails when
 * there is no connection or no answer for so long, so that nobody waits for a database that has stopped answering.
 */
export function createDb(databaseUrl: string, options: { poolSize?: number; answerMs?: number } = {}): Db {
  const { poolSize = 8, answerMs } = options
  const limits = answerMs === undefined ? {} : { connectionTimeoutMillis: answerMs, query_timeout: answerMs }
  const adapter = new PrismaPg({ connectionString: databaseUrl, max: poolSize, ...limits })
  return new PrismaClient({ adapter, transactionOptions: { maxWait: 10_000, timeout: 30_000 } })
}
