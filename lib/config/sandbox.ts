import { resolve } from 'node:path'
import { claudeAccess } from './addresses.ts'
import { embeddedEnvironment } from './claude.ts'
import { checkNpmToken, packageStore } from './packages.ts'
import { type Environment, parseEnvironment, variableNames, variables } from './shared.ts'

const schema = variables
  .pick({
    DATABASE_URL: true,
    WHEELHOUSE_HOME: true,
    WHEELHOUSE_NPM_REGISTRY: true,
    WHEELHOUSE_NPM_TOKEN: true,
    WHEELHOUSE_HOST: true,
    WHEELHOUSE_SANDBOX_PORT: true,
    WHEELHOUSE_CLAUDE_URL: true,
    WHEELHOUSE_CLAUDE_PORT: true,
    WHEELHOUSE_ENVIRONMENT_KEY: true,
    WHEELHOUSE_ENVIRONMENT_ID: true,
    WHEELHOUSE_STDIO_KEY: true,
    WHEELHOUSE_SANDBOX_SESSIONS: true,
    WHEELHOUSE_SANDBOX_STRICT: true,
    WHEELHOUSE_SANDBOX_CGROUP: true,
    WHEELHOUSE_LOG_LEVEL: true,
    WHEELHOUSE_GRACE_MS: true,
  })
  .required({ DATABASE_URL: true, WHEELHOUSE_ENVIRONMENT_KEY: true })
  .superRefine(checkNpmToken)
  .superRefine((env, context) => {
    if (!env.WHEELHOUSE_CLAUDE_URL || env.WHEELHOUSE_ENVIRONMENT_ID) return
    const message =
      'With WHEELHOUSE_CLAUDE_URL the environment’s id is needed; its key goes into WHEELHOUSE_ENVIRONMENT_KEY.'
    context.addIssue({ code: 'custom', path: ['WHEELHOUSE_ENVIRONMENT_ID'], message })
  })

/** The variables this process reads; the start program hands it no other of ours. */
export const sandboxVariables = variableNames(schema)

export type SandboxConfig = ReturnType<typeof parseSandboxConfig>

/** Reads the sandbox service's environment; throws `ConfigError` naming every wrong variable. */
export function parseSandboxConfig(env: Environment = process.env) {
  const values = parseEnvironment('sandbox service', schema, env)
  return {
    databaseUrl: values.DATABASE_URL,
    /** Absolute; workspaces live below it. */
    home: resolve(values.WHEELHOUSE_HOME),
    packages: packageStore(values),
    host: values.WHEELHOUSE_HOST,
    port: values.WHEELHOUSE_SANDBOX_PORT,
    /** The Managed Agents API whose work queue it serves. It has the key of that queue alone, and none that could do more. */
    claudeUrl: claudeAccess(values).url,
    environmentKey: values.WHEELHOUSE_ENVIRONMENT_KEY,
    environmentId: values.WHEELHOUSE_ENVIRONMENT_ID ?? embeddedEnvironment.id,
    /** Opens what the broker says; unset: no servers over stdio. */
    stdioKey: values.WHEELHOUSE_STDIO_KEY,
    sessionsMax: values.WHEELHOUSE_SANDBOX_SESSIONS,
    /** A profile's limit that this host cannot hold is refused, not only told. */
    strict: values.WHEELHOUSE_SANDBOX_STRICT,
    cgroup: values.WHEELHOUSE_SANDBOX_CGROUP,
    logLevel: values.WHEELHOUSE_LOG_LEVEL,
    graceMs: values.WHEELHOUSE_GRACE_MS,
  }
}
