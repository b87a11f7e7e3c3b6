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

  dbTest('an index made concurrently lets the table be written to, and stands recorded as Prisma would', async () => {
    await write('0001_a', 'create table a (id int);')
    await run()
    await write('0002_b', '-- Alone.\ncreate index concurrently if not exists "a_id" on a (id);\n')
    const writer = new pg.Client({ connectionString: database.databaseUrl })
    await writer.connect()
    try {
      // An index that is made in a transaction would be made only after this one, and hold up whoever writes next.
      await writer.query('begin')
      await writer.query('insert into a values (1)')
      const running = run()
      await waitFor(
        `select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock' and query like '%concurrently%'`,
      )
      await client.query(`set statement_timeout = '3s'`)
      await client.query('insert into a values (2)')
      await writer.query('commit')
      expect(await running).toEqual(['0002_b'])
    } finally {
      await writer.end()
    }
    const { rows } = await client.query(
      `select finished_at is not null as finished, applied_steps_count as steps, (select indisvalid from pg_index where indexrelid = 'a_id'::regclass) as valid
       from _prisma_migrations where migration_name = '0002_b'`,
    )
    expect(rows).toEqual([{ finished: true, steps: 1, valid: true }])
  })

  dbTest('an index whose making failed is no applied migration, and is made anew when it can be', async () => {
    await write('0001_a', 'create table a (id int); insert into a values (1), (1);')
    await write('0002_b', 'create unique index concurrently if not exists "a_id" on a (id);')
    await expect(run()).rejects.toThrow(
      /0002_b failed; the next run makes the index anew: could not create unique index/,
    )
    const valid = `select indisvalid as valid from pg_index where indexrelid = 'a_id'::regclass`
    expect((await client.query(valid)).rows).toEqual([{ valid: false }])
    await client.query('delete from a')
    expect(await run()).toEqual(['0002_b'])
    expect((await client.query(valid)).rows).toEqual([{ valid: true }])
  })

  dbTest('two at once make an index concurrently once, and neither waits for the other in vain', async () => {
    await write('0001_a', 'create table a (id int); select pg_sleep(0.3);')
    await write('0002_b', 'create index concurrently if not exists "a_id" on a (id);')
    const applied = await Promise.all([run(), run(), run()])
    expect(applied.flat()).toEqual(['0001_a', '0002_b'])
  })

  dbTest('an index made concurrently among other statements is refused by name', async () => {
    await write('0001_a', 'create table a (id int); create index concurrently "a_id" on a (id);')
    await expect(run()).rejects.toThrow(/0001_a makes an index concurrently, so it must be one statement/)
  })

  dbTest('lets others at what it has locked while it waits for a table, and goes on when that is free', async () => {
    await write('0001_a', 'create table a (id int); create table b (id int);')
    await run()
    await write('0002_b', 'alter table a add c int; alter table b add c int;')
    const worker = new pg.Client({ connectionString: database.databaseUrl })
    await worker.connect()
    try {
      await worker.query('begin; select * from b;')
      const migrated = run()
      const waits = `select 1 from pg_locks where relation = 'b'::regclass and not granted`
      await waitFor(waits)
      // Behind what waits for the worker, who does not end before this is answered.
      await client.query('select * from a')
      await worker.query('commit')
      expect(await migrated).toEqual(['0002_b'])
    } finally {
      await worker.end()
    }
  })

  async function waitFor(query: string): Promise<void> {
    await expect.poll(async () => (await client.query(query)).rowCount, { timeout: 15_000 }).toBe(1)
  }
})

dbTest('the product’s own migrations apply to an empty database, and the client speaks to it', async ({ db }) => {
  const rows = await db.$queryRaw<{ count: bigint }[]>`select count(*) from _prisma_migrations`
  expect(rows[0]?.count).toBeGreaterThan(0n)
})
