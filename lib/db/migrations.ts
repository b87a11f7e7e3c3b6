import { createHash } from 'node:crypto'
import { readFile, readdir } from 'node:fs/promises'
import { join } from 'node:path'

/** One folder of prisma/migrations. */
export type Migration = { name: string; sql: string; checksum: string }

/** A row of Prisma's `_prisma_migrations`, as far as a decision needs it. */
export type RecordedMigration = {
  name: string
  checksum: string
  finishedAt: Date | null
  rolledBackAt: Date | null
}

export const migrationsFolder = join(import.meta.dirname, '../../prisma/migrations')

/** Every migration on disk in the order it is applied (by name). The checksum is Prisma's: SHA-256 of the file, hex. */
export async function readMigrations(folder = migrationsFolder): Promise<Migration[]> {
  const entries = await readdir(folder, { withFileTypes: true })
  const names = entries
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name)
    .toSorted()
  return await Promise.all(
    names.map(async (name) => {
      const sql = await readFile(join(folder, name, 'migration.sql'), 'utf8')
      return { name, sql, checksum: createHash('sha256').update(sql).digest('hex') }
    }),
  )
}

const concurrentIndex = /^create (?:unique )?index concurrently if not exists "([^"]+)" on [^;]+;$/i

/**
 * The index that a migration makes while the table goes on being written to; null for every other migration. Such a migration is that one
 * statement alone, because PostgreSQL runs it in no transaction, and says `if not exists`, so that it can be repeated.
 */
export function concurrentIndexOf({ name, sql }: Pick<Migration, 'name' | 'sql'>): string | null {
  const statement = sql
    .replaceAll(/^\s*--.*$/gm, '')
    .replaceAll(/\s+/g, ' ')
    .trim()
  const index = concurrentIndex.exec(statement)?.[1]
  if (index !== undefined) return index
  if (!/\bindex concurrently\b/i.test(statement)) return null
  throw new Error(
    `Migration ${name} makes an index concurrently, so it must be one statement: create index concurrently if not exists "name" on ...;`,
  )
}

/**
 * The migrations still to apply. Throws, naming the migration and the way out, when the database and the folder disagree about the
 * past: an applied migration was edited, has failed half-way, or is unknown here (the database is newer than this code).
 */
export function pendingMigrations(onDisk: readonly Migration[], recorded: readonly RecordedMigration[]): Migration[] {
  const standing = new Map(recorded.filter((row) => !row.rolledBackAt).map((row) => [row.name, row]))
  const known = new Set(onDisk.map((migration) => migration.name))
  for (const [name, row] of standing) {
    if (!row.finishedAt) {
      throw new Error(
        `Migration ${name} failed half-way. Repair the database, then run: prisma migrate resolve --rolled-back ${name}`,
      )
    }
    if (!known.has(name))
      throw new Error(
        `The database has migration ${name}, which this version does not know. Install the newer version.`,
      )
  }
  for (const migration of onDisk) {
    const row = standing.get(migration.name)
    if (row && row.checksum !== migration.checksum) {
      throw new Error(
        `Migration ${migration.name} was edited after it was applied to this database. Restore the file, or start on an empty database.`,
      )
    }
  }
  return onDisk.filter((migration) => !standing.has(migration.name))
}
