import { Logger, runMigrations } from 'graphile-worker'
import { migrate } from './migrate.ts'

const silent = new Logger(() => () => {})

/**
 * Makes a database ready for every process: our migrations, then the queue's own tables (schema `graphile_worker`), which its library
 * keeps up to date itself. Returns the names of our migrations it applied. Safe to run at any time and by two at once.
 */
export async function prepareDatabase(options: { databaseUrl: string }): Promise<string[]> {
  const applied = await migrate(options)
  await runMigrations({ connectionString: options.databaseUrl, logger: silent })
  return applied
}
