import pg from 'pg'
import { StartError } from './home.ts'

const connectMs = 10_000
/** PostgreSQL 15: `server_version_num`. The migrations use nothing newer. */
const oldestVersion = 150_000

/** Tries the operator's database before anything is started on it: a wrong address, password or version is told by the variable's name. */
export async function checkExternalDatabase(databaseUrl: string): Promise<void> {
  const client = new pg.Client({ connectionString: databaseUrl, connectionTimeoutMillis: connectMs })
  client.on('error', () => {})
  let version: string
  try {
    await client.connect()
    const { rows } = await client.query<{ server_version_num: string }>('show server_version_num')
    version = rows[0]?.server_version_num ?? '0'
  } catch (error) {
    throw new StartError(
      `The database at DATABASE_URL cannot be used: ${reasonOf(error)}. Check address, user and password.`,
    )
  } finally {
    await client.end().catch(() => {})
  }
  if (Number(version) < oldestVersion) throw new StartError('The server at DATABASE_URL is older than PostgreSQL 15.')
}

// An address with several numbers (localhost) fails with one error a number, whose own text is empty.
function reasonOf(error: unknown): string {
  if (error instanceof AggregateError) return error.errors.map(reasonOf).join('; ')
  return error instanceof Error ? error.message : String(error)
}
