import { homedir, hostname, userInfo } from 'node:os'
import { isAbsolute, join, resolve } from 'node:path'
import { z } from 'zod'
import { type Environment, parseEnvironment, variables } from './shared.ts'

const root = join(import.meta.dirname, '../..')

const schema = z.object({
  ...variables.pick({
    WHEELHOUSE_HOME: true,
    WHEELHOUSE_URL: true,
    WHEELHOUSE_PORTAL_PORT: true,
    WHEELHOUSE_TOKEN: true,
    DATABASE_URL: true,
  }).shape,
  WHEELHOUSE_POSTGRES_PORT: variables.shape.WHEELHOUSE_POSTGRES_PORT.removeDefault().optional(),
  XDG_CONFIG_HOME: z.string().optional(),
})

export type CliConfig = ReturnType<typeof parseCliConfig>

/** Reads the command line's environment; throws `ConfigError` naming every wrong variable. */
export function parseCliConfig(env: Environment = process.env) {
  const values = parseEnvironment('command line', schema, env)
  const { XDG_CONFIG_HOME: xdg } = values
  return {
    /** Set by WHEELHOUSE_URL; null: what `login` stored, else this machine. */
    url: values.WHEELHOUSE_URL ?? null,
    /** Where a portal on this machine listens. */
    localUrl: `http://localhost:${values.WHEELHOUSE_PORTAL_PORT}`,
    token: values.WHEELHOUSE_TOKEN ?? null,
    /** The data folder of an installation on this machine; relative to the checkout, as the start program has it. */
    home: resolve(root, values.WHEELHOUSE_HOME),
    /** The XDG base directory specification ignores relative folders. */
    configFolder: join(xdg && isAbsolute(xdg) ? xdg : join(homedir(), '.config'), 'wheelhouse'),
    databaseUrl: values.DATABASE_URL ?? null,
    /** null: whatever port the embedded PostgreSQL says it has. */
    postgresPort: values.WHEELHOUSE_POSTGRES_PORT ?? null,
    /** Who sits at this machine, for orders that go straight to the database. */
    user: `${userName()}@${hostname()}`,
  }
}

function userName(): string {
  try {
    return userInfo().username
  } catch {
    // A container's user id need not have a name.
    return `uid ${process.getuid?.() ?? 'unknown'}`
  }
}
