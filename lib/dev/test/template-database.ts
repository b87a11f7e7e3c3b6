import pg from 'pg'
import { migrate } from '#lib/db/migrate.ts'
import { fingerprint, readMigrations } from '#lib/db/migrations.ts'

const buildLockKey = 5_432_001

/** The migrated database that test databases are copied from, made once per set of migrations however many runs ask at once. */
export async function ensureTemplate(admin: pg.Client, serverUrl: string): Promise<string> {
  const name = `wheelhouse_template_${fingerprint(await readMigrations()).slice(0, 16)}`
  await admin.query('select pg_advisory_lock($1)', [buildLockKey])
  try {
    const { rowCount } = await admin.query('select 1 from pg_database where datname = $1', [name])
    if (rowCount) return name
    const draft = `${name}_draft`
    await admin.query(`drop database if exists ${draft} with (force)`)
    await admin.query(`create database ${draft}`)
    await migrate({ databaseUrl: withDatabase(serverUrl, draft) })
    await admin.query(`alter database ${draft} rename to ${name}`)
    return name
  } finally {
    await admin.query('select pg_advisory_unlock($1)', [buildLockKey])
  }
}

/** Runs `use` with a fresh copy of the template and drops it afterwards, whatever is still connected. */
export async function cloneTemplate(
  serverUrl: string,
  template: string,
): Promise<{ databaseUrl: string; drop(): Promise<void> }> {
  const name = `wheelhouse_test_${crypto.randomUUID().replaceAll('-', '')}`
  await runOnce(serverUrl, `create database ${name} template ${template} strategy file_copy`)
  return {
    databaseUrl: withDatabase(serverUrl, name),
    drop: () => runOnce(serverUrl, `drop database if exists ${name} with (force)`),
  }
}

export function withDatabase(url: string, database: string): string {
  const result = new URL(url)
  result.pathname = `/${database}`
  return result.href
}

async function runOnce(url: string, sql: string): Promise<void> {
  const client = new pg.Client({ connectionString: url, application_name: 'wheelhouse-test' })
  await client.connect()
  try {
    await client.query(sql)
  } finally {
    await client.end()
  }
}
