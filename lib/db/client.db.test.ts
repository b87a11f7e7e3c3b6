import pg from 'pg'
import { expect } from 'vitest'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { startTcpProxy } from '#lib/dev/test/tcp-proxy.ts'
import { createDb, type Db, type Tx } from './client.ts'
import { letLast } from './lasting.ts'
import { CleanPool } from './pool.ts'

dbTest(
  'a database that answers nothing is waited for no longer than is said, and asked again when it answers',
  async ({ databaseUrl }) => {
    const proxy = await startTcpProxy(databaseUrl)
    const db = createDb(proxy.url, { poolSize: 2, answerMs: 2000 })
    const ask = () => db.$queryRaw`select 1 as "one"`
    expect(await ask()).toEqual([{ one: 1 }])
    proxy.freeze()
    // More than there are connections: some wait for an answer, the others for a connection.
    const asked = await Promise.allSettled([
      ask(),
      ask(),
      ask(),
      ask(),
      db.$transaction(async (tx) => tx.$queryRaw`select 1`),
    ])
    expect(asked.map(({ status }) => status)).toEqual(asked.map(() => 'rejected'))
    await proxy.restore()
    await expect.poll(() => ask().catch(() => null), { timeout: 10_000 }).toEqual([{ one: 1 }])
    await db.$disconnect()
    await proxy.stop()
  },
)

/** Another session, and a table of its own making with one row. */
async function otherSession(databaseUrl: string): Promise<pg.Client> {
  const other = new pg.Client({ connectionString: databaseUrl })
  await other.connect()
  await other.query('drop table if exists "Stalled"')
  await other.query('create table "Stalled" ("id" int)')
  await other.query('insert into "Stalled" values (1)')
  return other
}

/** Writes a row and then does something to the first one, in a transaction. */
async function writeTwice(db: Db, between: () => void = () => {}): Promise<void> {
  await db.$transaction(async (tx) => {
    await tx.$executeRaw`insert into "Stalled" values (2)`
    between()
    await tx.$executeRaw`update "Stalled" set "id" = "id" where "id" = 1`
  })
}

async function expectOnlyLaterWrites(db: Db, other: pg.Client): Promise<void> {
  await db.$executeRaw`insert into "Stalled" values (3)`
  const seen = async () => (await other.query<{ id: number }>('select "id" from "Stalled" order by "id"')).rows
  expect(await seen()).toEqual([{ id: 1 }, { id: 3 }])
  await db.$transaction(async (tx) => tx.$executeRaw`insert into "Stalled" values (4)`)
  expect(await seen()).toEqual([{ id: 1 }, { id: 3 }, { id: 4 }])
}

dbTest('a transaction whose statement waits for too long leaves nothing open behind it', async ({ databaseUrl }) => {
  const other = await otherSession(databaseUrl)
  const db = createDb(databaseUrl, { poolSize: 1, answerMs: 1000 })
  await other.query('begin')
  await other.query('select from "Stalled" for update')
  await expect(writeTwice(db)).rejects.toThrow()
  await other.query('rollback')
  await expectOnlyLaterWrites(db, other)
  await db.$disconnect()
  await other.end()
})

dbTest('nor does one that was cut off from a database that answers again later', async ({ databaseUrl }) => {
  const proxy = await startTcpProxy(databaseUrl)
  const other = await otherSession(databaseUrl)
  const db = createDb(proxy.url, { poolSize: 1, answerMs: 1000 })
  await expect(writeTwice(db, () => proxy.freeze())).rejects.toThrow()
  await proxy.restore()
  await expectOnlyLaterWrites(db, other)
  await db.$disconnect()
  await other.end()
  await proxy.stop()
})

dbTest('every client has its limits at the database, also one that asks for none', async ({ databaseUrl }) => {
  const db = createDb(databaseUrl, { poolSize: 1 })
  const [limits] = await db.$queryRaw<[Record<string, string>]>`
    select current_setting('statement_timeout') as "statement", current_setting('lock_timeout') as "lock",
      current_setting('idle_in_transaction_session_timeout') as "idle"`
  expect(limits).toEqual({ statement: '48s', lock: '25s', idle: '30s' })
  await db.$disconnect()
})

dbTest(
  'a transaction that says so is waited for longer, and whoever has its connection next is not',
  async ({ databaseUrl }) => {
    const db = createDb(databaseUrl, { poolSize: 1, answerMs: 3000 })
    const slowly = (tx: Tx) => tx.$queryRaw<{ done: number }[]>`select 1 as "done" from pg_sleep(4)`
    await expect(db.$transaction(slowly)).rejects.toThrow()
    const lasting = db.$transaction(async (tx) => {
      await letLast(tx, 60_000)
      return await slowly(tx)
    })
    expect(await lasting).toEqual([{ done: 1 }])
    await expect(db.$transaction(slowly)).rejects.toThrow()
    const limit = await db.$queryRaw`show statement_timeout`
    expect(limit).toEqual([{ statement_timeout: '2400ms' }])
    await db.$disconnect()
  },
)

dbTest(
  'a connection that has not answered is used by nobody again, whoever has had it and says nothing of it',
  async ({ databaseUrl }) => {
    const proxy = await startTcpProxy(databaseUrl)
    const pool = new CleanPool({ connectionString: proxy.url, max: 1, query_timeout: 3000 })
    pool.on('error', () => {})
    const ask = async () => {
      const client = await pool.connect()
      client.on('error', () => {})
      return await client.query('select 1 as one').finally(() => client.release())
    }
    expect((await ask()).rows).toEqual([{ one: 1 }])
    proxy.lose()
    await expect(ask()).rejects.toThrow('timeout')
    expect((await ask()).rows).toEqual([{ one: 1 }])
    await pool.end()
    await proxy.stop()
  },
)
