import { PrismaPg } from '@prisma/adapter-pg'
import { PrismaClient, type Prisma } from './generated/client.ts'

export type Db = PrismaClient
/** A Prisma client inside a transaction: it cannot open a second one. */
export type Tx = Prisma.TransactionClient

/** A pooled client on one PostgreSQL; every process makes exactly one and disconnects it when it stops. */
export function createDb(databaseUrl: string, options: { poolSize?: number } = {}): Db {
  const adapter = new PrismaPg({ connectionString: databaseUrl, max: options.poolSize ?? 8 })
  return new PrismaClient({ adapter, transactionOptions: { maxWait: 10_000, timeout: 30_000 } })
}
