import { brokerUrl, portalUrl, sandboxUrl } from './addresses.ts'
import { checkKeys, keySources } from './keys.ts'
import { type Environment, parseEnvironment, variableNames, variables } from './shared.ts'

const schema = variables
  .pick({
    DATABASE_URL: true,
    WHEELHOUSE_HOST: true,
    WHEELHOUSE_BROKER_PORT: true,
    WHEELHOUSE_BROKER_URL: true,
    WHEELHOUSE_URL: true,
    WHEELHOUSE_PORTAL_PORT: true,
    WHEELHOUSE_DEMO: true,
    WHEELHOUSE_ENCRYPTION_KEY: true,
    WHEELHOUSE_STDIO_KEY: true,
    WHEELHOUSE_SANDBOX_URL: true,
    WHEELHOUSE_SANDBOX_PORT: true,
    WHEELHOUSE_KEYS: true,
    WHEELHOUSE_GCP_KMS_URL: true,
    VAULT_ADDR: true,
    VAULT_TOKEN: true,
    VAULT_NAMESPACE: true,
    WHEELHOUSE_LINK_LOCAL_SERVERS: true,
    WHEELHOUSE_LOG_LEVEL: true,
    WHEELHOUSE_GRACE_MS: true,
    WHEELHOUSE_AGENT_CALLS_PER_SECOND: true,
    WHEELHOUSE_SERVER_CALLS_PER_SECOND: true,
    WHEELHOUSE_SPENDING_SECONDS: true,
    WHEELHOUSE_REQUEST_STATE_SECONDS: true,
    WHEELHOUSE_RESULT_BYTES_MAX: true,
    WHEELHOUSE_STREAM_BYTES_MAX: true,
    WHEELHOUSE_METRICS_TOKEN: true,
    WHEELHOUSE_METRICS_SERIES: true,
    WHEELHOUSE_BROKER_CONNECTIONS: true,
    OTEL_EXPORTER_OTLP_ENDPOINT: true,
    OTEL_EXPORTER_OTLP_HEADERS: true,
    OTEL_TRACES_SAMPLER_ARG: true,
  })
  .required({ DATABASE_URL: true })
  .superRefine(checkKeys)

/** The variables this process reads; the start program hands it no other of ours. */
export const brokerVariables = variableNames(schema)

/**
 * Arguments of Node for this process. Left alone, V8 lets the space for new objects grow to 128 MB and more under load; what a call allocates
 * dies young, so a smaller one costs no CPU time that could be measured. And so little of it is alive that one thread collects it: others would have to be
 * woken and waited for, and a busy machine has no core for them.
 */
export const brokerNodeArguments: readonly string[] = ['--max-semi-space-size=16', '--no-parallel-scavenge']

export type BrokerConfig = ReturnType<typeof parseBrokerConfig>

/** Reads the broker's environment; throws `ConfigError` naming every wrong variable. */
export function parseBrokerConfig(env: Environment = process.env) {
  const values = parseEnvironment('broker', schema, env)
  return {
    databaseUrl: values.DATABASE_URL,
    host: values.WHEELHOUSE_HOST,
    port: values.WHEELHOUSE_BROKER_PORT,
    /** Where agents reach this broker; tokens are bound to `${brokerUrl}/mcp`. */
    brokerUrl: brokerUrl(values),
    /** The portal: issuer of tokens, and where people are sent. */
    url: portalUrl(values),
    /** Whether tokens of demo people count. */
    demo: values.WHEELHOUSE_DEMO ?? false,
    keys: keySources(values),
    /** Where servers over stdio run, and the key that opens them; null: there are none. */
    stdio: values.WHEELHOUSE_STDIO_KEY ? { url: sandboxUrl(values), key: values.WHEELHOUSE_STDIO_KEY } : null,
    allowLinkLocal: values.WHEELHOUSE_LINK_LOCAL_SERVERS,
    logLevel: values.WHEELHOUSE_LOG_LEVEL,
    graceMs: values.WHEELHOUSE_GRACE_MS,
    /** Told apart in the metrics; the rest is counted together. */
    metricSeriesMax: values.WHEELHOUSE_METRICS_SERIES,
    /** Open at once; more are dropped. */
    connectionsMax: values.WHEELHOUSE_BROKER_CONNECTIONS,
    /** Null: metrics for callers on this machine only. */
    metricsToken: values.WHEELHOUSE_METRICS_TOKEN ?? null,
    /** Null: no spans. */
    tracing: values.OTEL_EXPORTER_OTLP_ENDPOINT
      ? {
          endpoint: values.OTEL_EXPORTER_OTLP_ENDPOINT,
          headers: values.OTEL_EXPORTER_OTLP_HEADERS,
          share: values.OTEL_TRACES_SAMPLER_ARG,
        }
      : null,
    limits: {
      agentCallsPerSecond: values.WHEELHOUSE_AGENT_CALLS_PER_SECOND,
      serverCallsPerSecond: values.WHEELHOUSE_SERVER_CALLS_PER_SECOND,
      spendingAgeMsMax: values.WHEELHOUSE_SPENDING_SECONDS * 1000,
      stateMs: values.WHEELHOUSE_REQUEST_STATE_SECONDS * 1000,
      resultBytesMax: values.WHEELHOUSE_RESULT_BYTES_MAX,
      streamBytesMax: values.WHEELHOUSE_STREAM_BYTES_MAX,
    },
  }
}
