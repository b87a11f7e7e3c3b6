import { resolve } from 'node:path'
import { checkKeys, keySources } from './keys.ts'
import { type Environment, parseEnvironment, variableNames, variables } from './shared.ts'

const schema = variables
  .pick({
    DATABASE_URL: true,
    WHEELHOUSE_HOME: true,
    WHEELHOUSE_HOST: true,
    WHEELHOUSE_DEMO_PORT: true,
    WHEELHOUSE_DEMO_TOKEN: true,
    WHEELHOUSE_ENCRYPTION_KEY: true,
    WHEELHOUSE_KEYS: true,
    WHEELHOUSE_GCP_KMS_URL: true,
    VAULT_ADDR: true,
    VAULT_TOKEN: true,
    VAULT_NAMESPACE: true,
    WHEELHOUSE_LOG_LEVEL: true,
    WHEELHOUSE_GRACE_MS: true,
  })
  .required({ DATABASE_URL: true, WHEELHOUSE_DEMO_TOKEN: true })
  .superRefine(checkKeys)

/** The variables this process reads; the start program hands it no other of ours. */
export const demoVariables = variableNames(schema)

/** Reads the environment of the demo MCP servers and of the demo seed; throws `ConfigError` naming every wrong variable. */
export function parseDemoConfig(env: Environment = process.env) {
  const values = parseEnvironment('demo', schema, env)
  return {
    databaseUrl: values.DATABASE_URL,
    /** Absolute; the demo's git repository and files live below it. */
    home: resolve(values.WHEELHOUSE_HOME),
    host: values.WHEELHOUSE_HOST,
    /** The first of the demo servers' ports; the others follow. */
    port: values.WHEELHOUSE_DEMO_PORT,
    /** What the demo servers ask for, and what the seed stores as their upstream credential. */
    token: values.WHEELHOUSE_DEMO_TOKEN,
    keys: keySources(values),
    logLevel: values.WHEELHOUSE_LOG_LEVEL,
    graceMs: values.WHEELHOUSE_GRACE_MS,
  }
}
