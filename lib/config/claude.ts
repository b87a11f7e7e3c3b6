import { checkKeys, keySources } from './keys.ts'
import { type Environment, parseEnvironment, variableNames, variables } from './shared.ts'

const schema = variables
  .pick({
    DATABASE_URL: true,
    WHEELHOUSE_HOST: true,
    WHEELHOUSE_CLAUDE_PORT: true,
    WHEELHOUSE_CLAUDE_KEY: true,
    WHEELHOUSE_ENVIRONMENT_KEY: true,
    WHEELHOUSE_MODEL_PORT: true,
    ANTHROPIC_API_KEY: true,
    WHEELHOUSE_ENCRYPTION_KEY: true,
    WHEELHOUSE_KEYS: true,
    WHEELHOUSE_GCP_KMS_URL: true,
    VAULT_ADDR: true,
    VAULT_TOKEN: true,
    VAULT_NAMESPACE: true,
    WHEELHOUSE_LOG_LEVEL: true,
    WHEELHOUSE_GRACE_MS: true,
  })
  .required({
    DATABASE_URL: true,
    WHEELHOUSE_CLAUDE_KEY: true,
    WHEELHOUSE_ENVIRONMENT_KEY: true,
  })
  .superRefine(checkKeys)

const modelSchema = variables.pick({
  WHEELHOUSE_HOST: true,
  WHEELHOUSE_MODEL_PORT: true,
  WHEELHOUSE_LOG_LEVEL: true,
  WHEELHOUSE_GRACE_MS: true,
})

/** The variables these processes read; the start program hands them no others of ours. */
export const claudeServerVariables = variableNames(schema)
export const modelVariables = variableNames(modelSchema)

/** The environment the embedded server has from its first start on, so that the sandbox service can poll its queue without a look-up. */
export const embeddedEnvironment = { id: 'env_wheelhouse', name: 'wheelhouse' } as const

export type ClaudeServerConfig = ReturnType<typeof parseClaudeServerConfig>
export type ModelConfig = ReturnType<typeof parseModelConfig>

/** Reads the embedded Claude server's environment; throws `ConfigError` naming every wrong variable. */
export function parseClaudeServerConfig(env: Environment = process.env) {
  const values = parseEnvironment('embedded Claude server', schema, env)
  return {
    databaseUrl: values.DATABASE_URL,
    host: values.WHEELHOUSE_HOST,
    port: values.WHEELHOUSE_CLAUDE_PORT,
    /** What clients of the API send as `x-api-key`. */
    apiKey: values.WHEELHOUSE_CLAUDE_KEY,
    /** What the sandbox service sends to the work queue. */
    environmentKey: values.WHEELHOUSE_ENVIRONMENT_KEY,
    keys: keySources(values),
    /** The Messages API behind its loop: Anthropic's with a key, else the scripted one on this machine. */
    model: values.ANTHROPIC_API_KEY
      ? { url: 'https://api.anthropic.com', apiKey: values.ANTHROPIC_API_KEY, simulated: false }
      : { url: `http://127.0.0.1:${values.WHEELHOUSE_MODEL_PORT}`, apiKey: 'simulated', simulated: true },
    logLevel: values.WHEELHOUSE_LOG_LEVEL,
    graceMs: values.WHEELHOUSE_GRACE_MS,
  }
}

/** Reads the scripted model's environment; throws `ConfigError` naming every wrong variable. */
export function parseModelConfig(env: Environment = process.env) {
  const values = parseEnvironment('scripted model', modelSchema, env)
  return {
    host: values.WHEELHOUSE_HOST,
    port: values.WHEELHOUSE_MODEL_PORT,
    logLevel: values.WHEELHOUSE_LOG_LEVEL,
    graceMs: values.WHEELHOUSE_GRACE_MS,
  }
}
