import pg from 'pg'
import { expect } from 'vitest'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { startTcpProxy } from '#lib/dev/test/tcp-proxy.ts'
import { createDb, type Db } from './client.ts'

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
