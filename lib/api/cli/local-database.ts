import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import type { CliConfig } from '#lib/config/cli.ts'

const secrets = z.object({ POSTGRES_PASSWORD: z.string().min(1) })

/**
 * The database behind an installation on this machine: DATABASE_URL, else the embedded PostgreSQL of the data folder, with its password
 * from `secrets.json` and its port from the server's own `postmaster.pid`. Null: there is none that this user may read.
 */
export async function findDatabase(config: CliConfig): Promise<string | null> {
  if (config.databaseUrl) return config.databaseUrl
  const text = await readFile(join(config.home, 'secrets.json'), 'utf8').catch(() => '')
  const stored = secrets.safeParse(parseJson(text))
  if (!stored.success) return null
  const port = config.postgresPort ?? (await portOf(join(config.home, 'postgres')))
  return port === null ? null : `postgresql://wheelhouse:${stored.data.POSTGRES_PASSWORD}@127.0.0.1:${port}/wheelhouse`
}

/** Line 4 of `postmaster.pid` is the port. A folder that PostgreSQL's account cannot reach says in MOVED where the cluster is. */
async function portOf(folder: string): Promise<number | null> {
  const moved = /The data is in (.+)/.exec(await readFile(join(folder, 'MOVED'), 'utf8').catch(() => ''))?.[1]
  const text = await readFile(join(moved?.trim() ?? folder, 'postmaster.pid'), 'utf8').catch(() => '')
  return Number(text.split('\n')[3]) || null
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}
