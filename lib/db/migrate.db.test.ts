import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { afterEach, beforeEach, describe, expect, inject } from 'vitest'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { cloneTemplate } from '#lib/dev/test/template-database.ts'
import { migrate } from './migrate.ts'

describe('migrate', () => {
  let folder: string
  let database: Awaited<ReturnType<typeof cloneTemplate>>
  let client: pg.Client

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'migrations-'))
    database = await cloneTemplate(inject('testDatabase').serverUrl, 'template1')
    client = new pg.Client({ connectionString: database.databaseUrl })
    await client.connect()
  })

  afterEach(async () => {
    await client.end()
    await database.drop()
    await rm(folder, { recursive: true })
  })

  async function write(name: string, sql: string): Promise<void> {
    await mkdir(join(folder, name), { recursive: true })
    await writeFile(join(folder, name, 'migration.sql'), sql)
  }

  const run = () => migrate({ databaseUrl: database.databaseUrl, folder })

  dbTest('applies what is missing in order, and nothing the second time', async () => {
    await write('0001_a', 'create table a (id int); insert into a values (1);')
    expect(await run()).toEqual(['0001_a'])
    await write('0002_b', 'insert into a values (2);')
    expect(await run()).toEqual(['0002_b'])
    expect(await run()).toEqual([])
    expect((await client.query('select id from a order by id')).rows).toEqual([{ id: 1 }, { id: 2 }])
  })

  dbTest('records what Prisma records: SHA-256 of the file, one step, start before finish', async () => {
    await write('0001_a', 'select 1;')
    await run()
    const { rows } = await client.query('select *, started_at <= finished_at as ordered from _prisma_migrations')
    expect(rows).toMatchObject([
      {
        id: expect.stringMatching(/^[0-9a-f-]{36}$/),
        migration_name: '0001_a',
        checksum: '354b7196c9ba5fb4b21cf615bb6ec4cd5c07503c34229feef033fc081a8c03f4',
        logs: null,
        rolled_back_at: null,
        applied_steps_count: 1,
        ordered: true,
      },
    ])
  })

  dbTest('a failing migration leaves no trace and says where it failed; the ones before it stay', async () => {
    await write('0001_a', 'create table a (id int);')
    await write('0002_b', 'create table b (id int); insert into b values (1, 2);')
    await expect(run()).rejects.toThrow(/0002_b failed and was undone: INSERT has more expressions/)
    const { rows } = await client.query(
      `select to_regclass('b') as b, (select count(*)::int from _prisma_migrations) as recorded`,
    )
    expect(rows).toEqual([{ b: null, recorded: 1 }])
  })

  dbTest('an edited migration is refused by name', async () => {
    await write('0001_a', 'select 1;')
    await run()
    await write('0001_a', 'select 2;')
    await expect(run()).rejects.toThrow(/0001_a was edited after it was applied/)
  })

  dbTest('a database newer than the code is refused', async () => {
    await write('0001_a', 'select 1;')
    await run()
    await rm(join(folder, '0001_a'), { recursive: true })
    await write('0001_b', 'select 1;')
    await expect(run()).rejects.toThrow(/0001_a, which this version does not know/)
  })

  dbTest('a migration that Prisma left half-way is refused', async () => {
    await write('0001_a', 'select 1;')
    await run()
    await client.query('update _prisma_migrations set finished_at = null')
    await expect(run()).rejects.toThrow(/0001_a failed half-way/)
  })

  dbTest('two at once take turns: each migration is applied once', async () => {
    await write('0001_a', 'create table a (id int); select pg_sleep(0.2);')
    const applied = await Promise.all([run(), run()])
    expect(applied.flat()).toEqual(['0001_a'])
  })
})

dbTest('the product’s own migrations apply to an empty database, and the client speaks to it', async ({ db }) => {
  const rows = await db.$queryRaw<{ count: bigint }[]>`select count(*) from _prisma_migrations`
  expect(rows[0]?.count).toBeGreaterThan(0n)
})
