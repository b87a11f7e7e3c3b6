import { resolve } from 'node:path'
import { checkClaudeKey, claudeAccess } from './addresses.ts'
import { type Environment, parseEnvironment, variableNames, variables } from './shared.ts'

const schema = variables
  .pick({
    DATABASE_URL: true,
    WHEELHOUSE_HOME: true,
    WHEELHOUSE_HOST: true,
    WHEELHOUSE_SANDBOX_PORT: true,
    WHEELHOUSE_CLAUDE_URL: true,
    WHEELHOUSE_CLAUDE_PORT: true,
    WHEELHOUSE_CLAUDE_KEY: true,
    ANTHROPIC_API_KEY: true,
    WHEELHOUSE_ENVIRONMENT_KEY: true,
    WHEELHOUSE_ENVIRONMENT_ID: true,
    WHEELHOUSE_SANDBOX_SESSIONS: true,
    WHEELHOUSE_SANDBOX_STRICT: true,
    WHEELHOUSE_SANDBOX_CGROUP: true,
    WHEELHOUSE_LOG_LEVEL: true,
    WHEELHOUSE_GRACE_MS: true,
  })
  .required({ DATABASE_URL: true, WHEELHOUSE_ENVIRONMENT_KEY: true })
  .superRefine((env, context) => {
    // With the environment's id there is nothing that needs more than the queue's own key.
    if (!env.WHEELHOUSE_ENVIRONMENT_ID) checkClaudeKey(env, context)
  })

/** The variables this process reads; the start program hands it no other of ours. */
export const sandboxVariables = variableNames(schema)

export type SandboxConfig = ReturnType<typeof parseSandboxConfig>

/** Reads the sandbox service's environment; throws `ConfigError` naming every wrong variable. */
export function parseSandboxConfig(env: Environment = process.env) {
  const values = parseEnvironment('sandbox service', schema, env)
  const claude = claudeAccess(values)
  return {
    databaseUrl: values.DATABASE_URL,
    /** Absolute; workspaces live below it. */
    home: resolve(values.WHEELHOUSE_HOME),
    host: values.WHEELHOUSE_HOST,
    port: values.WHEELHOUSE_SANDBOX_PORT,
    /** The Managed Agents API whose work queue it serves, with the key for that queue alone. */
    claudeUrl: claude.url,
    environmentKey: values.WHEELHOUSE_ENVIRONMENT_KEY,
    /** The environment, or the API key that finds it by its name. */
    environment: values.WHEELHOUSE_ENVIRONMENT_ID
      ? { id: values.WHEELHOUSE_ENVIRONMENT_ID }
      : { name: 'wheelhouse', apiKey: claude.apiKey },
    sessionsMax: values.WHEELHOUSE_SANDBOX_SESSIONS,
    /** A profile's limit that this host cannot hold is refused, not only told. */
    strict: values.WHEELHOUSE_SANDBOX_STRICT,
    cgroup: values.WHEELHOUSE_SANDBOX_CGROUP,
    logLevel: values.WHEELHOUSE_LOG_LEVEL,
    graceMs: values.WHEELHOUSE_GRACE_MS,
  }
}
