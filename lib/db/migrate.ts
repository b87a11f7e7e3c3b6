import { randomUUID } from 'node:crypto'
import pg from 'pg'
import { type Migration, pendingMigrations, readMigrations, type RecordedMigration } from './migrations.ts'

/** The key of Prisma's own migration lock, so that `prisma migrate deploy` and this runner exclude each other. */
const prismaLockKey = 72_707_369

/**
 * Brings a database up to the migrations on disk and returns the names it applied. Each migration is one transaction together with
 * its row in `_prisma_migrations`, so a failure leaves no trace; two runners at once take turns; `prisma migrate deploy` finds the
 * same table it would have written. Throws when history was edited (see `pendingMigrations`) or a statement fails.
 */
export async function migrate(options: { databaseUrl: string; folder?: string }): Promise<string[]> {
  const onDisk = await readMigrations(options.folder)
  const client = new pg.Client({
    connectionString: options.databaseUrl,
    application_name: 'wheelhouse-migrate',
  })
  await client.connect()
  try {
    await client.query('select pg_advisory_lock($1)', [prismaLockKey])
    await client.query(createTable)
    const pending = pendingMigrations(onDisk, await recordedMigrations(client))
    for (const migration of pending) await apply(client, migration)
    return pending.map((migration) => migration.name)
  } finally {
    // Ending the connection releases the lock, whatever happened.
    await client.end()
  }
}

async function apply(client: pg.Client, migration: Migration): Promise<void> {
  await client.query('begin')
  try {
    await client.query(
      'insert into _prisma_migrations (id, checksum, migration_name, started_at) values ($1, $2, $3, clock_timestamp())',
      [randomUUID(), migration.checksum, migration.name],
    )
    await client.query(migration.sql)
    await client.query(
      'update _prisma_migrations set finished_at = clock_timestamp(), applied_steps_count = 1 where migration_name = $1 and rolled_back_at is null',
      [migration.name],
    )
    await client.query('commit')
  } catch (error) {
    await client.query('rollback')
    throw new Error(`Migration ${migration.name} failed and was undone: ${explain(error)}`, {
      cause: error,
    })
  }
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
