import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import pg from 'pg'
import { expect } from 'vitest'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { createDb } from './client.ts'
import { isDatabaseUnavailable } from './unavailable.ts'

async function failureOf(work: () => Promise<unknown>): Promise<unknown> {
  return await work().then(
    () => null,
    (error: unknown) => error,
  )
}

dbTest('a database that cannot be reached is told from a query that is wrong', async ({ databaseUrl }) => {
  const nowhere = new URL(databaseUrl)
  nowhere.port = '1'
  const away = createDb(nowhere.href)
  expect(isDatabaseUnavailable(await failureOf(() => away.team.findMany()))).toBe(true)
  expect(isDatabaseUnavailable(await failureOf(() => away.$transaction(async (tx) => await tx.team.findMany())))).toBe(
    true,
  )
  await away.$disconnect()

  const db = createDb(databaseUrl)
  expect(isDatabaseUnavailable(await failureOf(() => db.$queryRaw`select * from no_such_table`))).toBe(false)
  expect(isDatabaseUnavailable(await failureOf(() => db.team.create({ data: { id: 'a', name: 'a' } })))).toBe(false)
  expect(isDatabaseUnavailable(await failureOf(() => db.team.create({ data: { id: 'a', name: 'a' } })))).toBe(false)
  await db.$disconnect()
})

dbTest('whatever hangs up instead of answering counts as unavailable, each time', async ({ databaseUrl }) => {
  const nothing = createServer((socket) => socket.destroy()).listen(0, '127.0.0.1')
  await once(nothing, 'listening')
  const nowhere = new URL(databaseUrl)
  nowhere.hostname = '127.0.0.1'
  nowhere.port = String((nothing.address() as AddressInfo).port)
  const away = createDb(nowhere.href)
  for (let tries = 0; tries < 20; tries += 1) {
    expect(isDatabaseUnavailable(await failureOf(() => away.team.findMany()))).toBe(true)
  }
  const client = new pg.Client({ connectionString: nowhere.href })
  client.on('error', () => {})
  expect(isDatabaseUnavailable(await failureOf(() => client.connect()))).toBe(true)
  await away.$disconnect()
  nothing.close()
})

dbTest('a connection that the server ends counts as unavailable', async ({ databaseUrl }) => {
  const db = createDb(databaseUrl, { poolSize: 1 })
  const ended = await failureOf(() => db.$queryRaw`select pg_terminate_backend(pg_backend_pid())`)
  expect(ended).not.toBeNull()
  expect(isDatabaseUnavailable(ended)).toBe(true)
  await db.$disconnect()
})

dbTest(
  'a statement that is given up counts as unavailable, and so does a transaction that lay idle',
  async ({ db, databaseUrl }) => {
    const impatient = createDb(databaseUrl, { poolSize: 1, answerMs: 2000, idleMs: 500 })
    expect(isDatabaseUnavailable(await failureOf(() => impatient.$queryRaw`select pg_sleep(10)`))).toBe(true)
    const idle = await failureOf(() =>
      impatient.$transaction(async (tx) => {
        const [{ pid }] = await tx.$queryRaw<[{ pid: number }]>`select pg_backend_pid() as "pid"`
        const there = () => db.$queryRaw`select 1 from pg_stat_activity where pid = ${pid}`
        await expect.poll(there).toEqual([])
        await tx.$queryRaw`select 1`
      }),
    )
    expect(isDatabaseUnavailable(idle)).toBe(true)
    await impatient.$disconnect()
  },
)

dbTest('who waits too long for what another transaction holds counts as unavailable', async ({ db }) => {
  await db.team.upsert({ where: { id: 'held' }, create: { id: 'held', name: 'held' }, update: {} })
  const late = await db.$transaction(async (tx) => {
    await tx.$queryRaw`select 1 from "Team" where "id" = 'held' for update`
    return await failureOf(() =>
      db.$transaction(async (other) => {
        await other.$executeRaw`set local lock_timeout = 50`
        await other.$queryRaw`select 1 from "Team" where "id" = 'held' for update`
      }),
    )
  })
  expect(isDatabaseUnavailable(late)).toBe(true)
  const [{ lock_timeout: limit }] = await db.$queryRaw<[{ lock_timeout: string }]>`show lock_timeout`
  expect(limit).toBe('25s')
})
