import { join } from 'node:path'
import pg from 'pg'
import { hashFiles } from '#lib/dev/stale.ts'
import { fillDatabase } from './fill-database.ts'

const buildLockKey = 5_432_001
const root = join(import.meta.dirname, '../../..')
const inputs = [
  'prisma/migrations',
  'lib/db/prepare.ts',
  'lib/guardrails/policies',
  'node_modules/graphile-worker/package.json',
]

/** The migrated database that test databases are copied from, made once per set of migrations however many runs ask at once. */
export async function ensureTemplate(admin: pg.Client, serverUrl: string): Promise<string> {
  const name = `wheelhouse_template_${(await hashFiles(root, inputs)).slice(0, 16)}`
  await admin.query('select pg_advisory_lock($1)', [buildLockKey])
  try {
    const { rowCount } = await admin.query('select 1 from pg_database where datname = $1', [name])
    if (rowCount) return name
    const draft = `${name}_draft`
    await admin.query(`drop database if exists ${draft} with (force)`)
    await admin.query(`create database ${draft}`)
    await fillDatabase(withDatabase(serverUrl, draft))
    await admin.query(`alter database ${draft} rename to ${name}`)
    return name
  } finally {
    await admin.query('select pg_advisory_unlock($1)', [buildLockKey])
  }
}

/** A fresh copy of the template; `drop` removes it, whatever is still connected. */
export async function cloneTemplate(
  serverUrl: string,
  template: string,
): Promise<{ databaseUrl: string; drop(): Promise<void> }> {
  const name = `wheelhouse_test_${crypto.randomUUID().replaceAll('-', '')}`
  await runOnce(serverUrl, `create database ${name} template ${template} strategy file_copy`)
  return {
    databaseUrl: withDatabase(serverUrl, name),
    drop: () => dropDatabase(serverUrl, name),
  }
}

/** Connections that are being closed get a moment: one that is cut off in between is an error nobody listens for any more. */
async function dropDatabase(serverUrl: string, name: string): Promise<void> {
  const client = new pg.Client({ connectionString: serverUrl, application_name: 'wheelhouse-test' })
  await client.connect()
  try {
    for (let times = 0; times < 20; times += 1) {
      const { rowCount } = await client.query('select 1 from pg_stat_activity where datname = $1', [name])
      if (!rowCount) break
      await new Promise((resolve) => setTimeout(resolve, 25))
    }
    await client.query(`drop database if exists ${name} with (force)`)
  } finally {
    await client.end()
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
