import { resolve } from 'node:path'
import { portalUrl } from './addresses.ts'
import { checkSignIn } from './portal.ts'
import { type Environment, isLoopback, parseEnvironment, type VariableName, variables } from './shared.ts'

const schema = variables
  .transform((values) => ({ ...values, WHEELHOUSE_DEMO: values.WHEELHOUSE_DEMO ?? isLocalTrial(values) }))
  .superRefine(checkSignIn)
  .superRefine((values, context) => {
    if (!values.WHEELHOUSE_CLAUDE_URL || values.ANTHROPIC_API_KEY || values.WHEELHOUSE_CLAUDE_KEY) return
    const message = 'WHEELHOUSE_CLAUDE_URL is set, so a key for it is needed.'
    context.addIssue({ code: 'custom', path: ['ANTHROPIC_API_KEY'], message })
  })

export type StartConfig = ReturnType<typeof parseStartConfig>

/** Reads what the start program needs, checking the whole environment before anything is started; throws `ConfigError`. */
export function parseStartConfig(env: Environment = process.env) {
  const values = parseEnvironment('start program', schema, env)
  const port = (name: PortVariable) => ({ variable: name, port: values[name] })
  return {
    /** Absolute. */
    home: resolve(values.WHEELHOUSE_HOME),
    host: values.WHEELHOUSE_HOST,
    url: portalUrl(values),
    databaseUrl: values.DATABASE_URL ?? null,
    demo: values.WHEELHOUSE_DEMO,
    /** The embedded Claude server runs here, and with it, without a key, the simulated model. */
    embeddedClaude: !values.WHEELHOUSE_CLAUDE_URL,
    simulatedModel: !values.WHEELHOUSE_CLAUDE_URL && !values.ANTHROPIC_API_KEY,
    ports: {
      portal: port('WHEELHOUSE_PORTAL_PORT'),
      broker: port('WHEELHOUSE_BROKER_PORT'),
      claude: port('WHEELHOUSE_CLAUDE_PORT'),
      model: port('WHEELHOUSE_MODEL_PORT'),
      demo: port('WHEELHOUSE_DEMO_PORT'),
      sandbox: port('WHEELHOUSE_SANDBOX_PORT'),
      worker: port('WHEELHOUSE_WORKER_PORT'),
      postgres: port('WHEELHOUSE_POSTGRES_PORT'),
    },
    /** Secrets set by the operator; the others are generated. */
    given: {
      WHEELHOUSE_CLAUDE_KEY: values.WHEELHOUSE_CLAUDE_KEY,
      WHEELHOUSE_ENVIRONMENT_KEY: values.WHEELHOUSE_ENVIRONMENT_KEY,
      WHEELHOUSE_ENCRYPTION_KEY: values.WHEELHOUSE_ENCRYPTION_KEY,
      WHEELHOUSE_STDIO_KEY: values.WHEELHOUSE_STDIO_KEY,
      WHEELHOUSE_AUTH_SECRET: values.WHEELHOUSE_AUTH_SECRET,
    },
    logLevel: values.WHEELHOUSE_LOG_LEVEL,
    graceMs: values.WHEELHOUSE_GRACE_MS,
  }
}

type PortVariable = Extract<VariableName, `${string}_PORT`>

/** Somebody tries the product on their own machine: embedded database, no identity provider, nobody else can reach it. */
function isLocalTrial(values: {
  DATABASE_URL?: string | undefined
  OIDC_ISSUER?: string | undefined
  WHEELHOUSE_HOST: string
}) {
  return !values.DATABASE_URL && !values.OIDC_ISSUER && isLoopback(values.WHEELHOUSE_HOST)
}
