import { randomUUID } from 'node:crypto'
import { setTimeout } from 'node:timers/promises'
import pg from 'pg'
import {
  concurrentIndexOf,
  type Migration,
  pendingMigrations,
  readMigrations,
  type RecordedMigration,
} from './migrations.ts'

/** The key of Prisma's own migration lock, so that `prisma migrate deploy` and this runner exclude each other. */
const prismaLockKey = 72_707_369
/** SQLSTATE of a `lock_timeout`. */
const lockNotAvailable = '55P03'

/**
 * Brings a database up to the migrations on disk and returns the names it applied. Each migration is one transaction together with
 * its row in `_prisma_migrations`, so a failure leaves no trace; two runners at once take turns; `prisma migrate deploy` finds the
 * same table it would have written. What waits for a table for long lets others pass and tries again, for ten minutes. Only an index that is made concurrently (see `concurrentIndexOf`) is made in no transaction; when that
 * fails or is cut off, the next run makes it anew. Throws when history was edited (see `pendingMigrations`) or a statement fails.
 */
export async function migrate(options: { databaseUrl: string; folder?: string }): Promise<string[]> {
  const onDisk = await readMigrations(options.folder)
  const client = new pg.Client({
    connectionString: options.databaseUrl,
    application_name: 'wheelhouse-migrate',
  })
  await client.connect()
  try {
    await lock(client)
    await client.query(createTable)
    const pending = pendingMigrations(onDisk, await recordedMigrations(client))
    for (const migration of pending) {
      const index = concurrentIndexOf(migration)
      if (index === null) await apply(client, migration)
      else await makeIndex(client, { migration, index })
    }
    return pending.map((migration) => migration.name)
  } finally {
    // Ending the connection releases the lock, whatever happened.
    await client.end()
  }
}

/** Asks again and again: a statement that waits would be waited for by an index that is made concurrently. */
async function lock(client: pg.Client): Promise<void> {
  for (;;) {
    const { rows } = await client.query<{ taken: boolean }>('select pg_try_advisory_lock($1) as taken', [prismaLockKey])
    if (rows[0]?.taken) return
    await setTimeout(100)
  }
}

/** How long a migration waits for a table that somebody works with, and for how long it tries again; beyond that it fails. */
const lockMs = 2_000
const triesMs = 600_000

/** Gives way to whoever holds a table for long: while it waits, everybody else waits behind it, also for what it has locked already. */
async function apply(client: pg.Client, migration: Migration): Promise<void> {
  const until = performance.now() + triesMs
  for (;;) {
    try {
      return await applyOnce(client, migration)
    } catch (error) {
      const busy = (error as Error).cause
      if (!(busy instanceof pg.DatabaseError) || busy.code !== lockNotAvailable || performance.now() > until)
        throw error
      await setTimeout(lockMs / 2)
    }
  }
}

async function applyOnce(client: pg.Client, migration: Migration): Promise<void> {
  await client.query('begin')
  try {
    await client.query(`set local lock_timeout = ${lockMs}`)
    const startedAt = await clockOf(client)
    await client.query(migration.sql)
    await record(client, migration, startedAt)
    await client.query('commit')
  } catch (error) {
    await client.query('rollback')
    throw new Error(`Migration ${migration.name} failed and was undone: ${explain(error)}`, {
      cause: error,
    })
  }
}

/** A crash leaves an index that is not valid, or one that is and was not recorded: the one is dropped first, the other stands. */
async function makeIndex(
  client: pg.Client,
  { migration, index }: { migration: Migration; index: string },
): Promise<void> {
  try {
    const startedAt = await clockOf(client)
    const { rowCount } = await client.query(
      'select 1 from pg_index where indexrelid = to_regclass($1) and not indisvalid',
      [client.escapeIdentifier(index)],
    )
    if (rowCount) await client.query(`drop index concurrently ${client.escapeIdentifier(index)}`)
    await client.query(migration.sql)
    await record(client, migration, startedAt)
  } catch (error) {
    throw new Error(`Migration ${migration.name} failed; the next run makes the index anew: ${explain(error)}`, {
      cause: error,
    })
  }
}

async function clockOf(client: pg.Client): Promise<string> {
  const { rows } = await client.query<{ now: string }>('select clock_timestamp()::text as now')
  return rows[0]!.now
}

async function record(client: pg.Client, { name, checksum }: Migration, startedAt: string): Promise<void> {
  await client.query(
    `insert into _prisma_migrations (id, checksum, migration_name, started_at, finished_at, applied_steps_count)
     values ($1, $2, $3, $4, clock_timestamp(), 1)`,
    [randomUUID(), checksum, name, startedAt],
  )
}

async function recordedMigrations(client: pg.Client): Promise<RecordedMigration[]> {
  const { rows } = await client.query<RecordedMigration>(
    'select migration_name as name, checksum, finished_at as "finishedAt", rolled_back_at as "rolledBackAt" from _prisma_migrations',
  )
  return rows
}

function explain(error: unknown): string {
  if (!(error instanceof pg.DatabaseError)) return String(error)
  return [error.message, error.detail, error.hint, error.where].filter(Boolean).join(' · ')
}

// Column for column as Prisma creates it.
const createTable = `
  create table if not exists _prisma_migrations (
    id varchar(36) primary key not null,
    checksum varchar(64) not null,
    finished_at timestamptz,
    migration_name varchar(255) not null,
    logs text,
    rolled_back_at timestamptz,
    started_at timestamptz not null default now(),
    applied_steps_count integer not null default 0
  )`
