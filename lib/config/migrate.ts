import { type Environment, parseEnvironment, variables } from './shared.ts'

const schema = variables.pick({ DATABASE_URL: true }).required({ DATABASE_URL: true })

/** Reads what `npm run migrate` and `npm run publish-templates` need; throws `ConfigError`. */
export function parseMigrateConfig(env: Environment = process.env): { databaseUrl: string } {
  return { databaseUrl: parseEnvironment('migration', schema, env).DATABASE_URL }
}
