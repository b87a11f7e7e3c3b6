import type { z } from 'zod'
import {
  brokerUrl,
  checkClaudeKey,
  claudeAccess,
  type ClaudeAccess,
  portalUrl,
  webhookPrivateHosts,
} from './addresses.ts'
import { checkKeys, keySources, type KeySource } from './keys.ts'
import { type Environment, isLoopback, parseEnvironment, variableNames, variables } from './shared.ts'
import { readTrustedIssuers, type TrustedIssuerSettings } from './trusted-issuers.ts'

export type OidcConfig = {
  issuer: string
  clientId: string
  clientSecret: string
  groupsClaim: string
  groupRoles: { group: string; role: string }[]
}

export type PortalConfig = {
  databaseUrl: string
  /** Where it listens. */
  host: string
  port: number
  /** Public address: links, cookies, the issuer of tokens. */
  url: string
  brokerUrl: string
  authSecret: string
  /** Key-encryption keys, newest first. */
  keys: KeySource[]
  claude: ClaudeAccess
  /** Hosts that webhooks may be sent to although only insiders reach them. */
  webhookPrivateHosts: readonly string[]
  /** Whom mail is from; null: no mail server is set up. The worker sends it. */
  mailFrom: string | null
  oidc: OidcConfig | null
  /** Demo personas may sign in and demo data is marked; only ever true on a loopback address. */
  demo: boolean
  /** Whose assertions agents may get tokens for. */
  trustedIssuers: TrustedIssuerSettings[]
  /** A proxy in front says where requests come from (X-Forwarded-For). */
  trustProxy: boolean
  /** Requests of one token at the REST API a minute; 0: no limit. */
  apiPerMinute: { read: number; write: number }
  /** What brokers that are set as this portal is allow each agent and server a second (0: no limit), bytes of an answer that they hold or pass on, and how old what is known of spending may be (0: any age). */
  brokerLimits: {
    agent: number
    server: number
    resultBytesMax: number
    streamBytesMax: number
    spendingAgeMsMax: number
  }
  logLevel: string
}

const schema = variables
  .pick({
    DATABASE_URL: true,
    WHEELHOUSE_HOST: true,
    WHEELHOUSE_URL: true,
    WHEELHOUSE_PORTAL_PORT: true,
    WHEELHOUSE_BROKER_URL: true,
    WHEELHOUSE_BROKER_PORT: true,
    WHEELHOUSE_CLAUDE_URL: true,
    WHEELHOUSE_CLAUDE_PORT: true,
    WHEELHOUSE_CLAUDE_KEY: true,
    ANTHROPIC_API_KEY: true,
    WHEELHOUSE_AUTH_SECRET: true,
    WHEELHOUSE_ENCRYPTION_KEY: true,
    WHEELHOUSE_KEYS: true,
    WHEELHOUSE_GCP_KMS_URL: true,
    VAULT_ADDR: true,
    VAULT_TOKEN: true,
    VAULT_NAMESPACE: true,
    WHEELHOUSE_DEMO: true,
    WHEELHOUSE_TRUSTED_ISSUERS: true,
    WHEELHOUSE_TRUST_PROXY: true,
    OIDC_ISSUER: true,
    OIDC_CLIENT_ID: true,
    OIDC_CLIENT_SECRET: true,
    OIDC_GROUPS_CLAIM: true,
    OIDC_GROUP_ROLES: true,
    WHEELHOUSE_WEBHOOK_PRIVATE_HOSTS: true,
    WHEELHOUSE_MAIL_FROM: true,
    WHEELHOUSE_API_READS_PER_MINUTE: true,
    WHEELHOUSE_API_WRITES_PER_MINUTE: true,
    WHEELHOUSE_AGENT_CALLS_PER_SECOND: true,
    WHEELHOUSE_SERVER_CALLS_PER_SECOND: true,
    WHEELHOUSE_RESULT_BYTES_MAX: true,
    WHEELHOUSE_STREAM_BYTES_MAX: true,
    WHEELHOUSE_SPENDING_SECONDS: true,
    WHEELHOUSE_LOG_LEVEL: true,
  })
  .required({ DATABASE_URL: true, WHEELHOUSE_AUTH_SECRET: true })
  .superRefine(checkKeys)
  .superRefine(checkClaudeKey)
  .superRefine(checkSignIn)

/** The variables this process reads; the start program hands it no other of ours. */
export const portalVariables = variableNames(schema)

/** Reads the portal's environment; throws `ConfigError` naming every wrong variable. */
export function parsePortalConfig(env: Environment = process.env): PortalConfig {
  const values = parseEnvironment('portal', schema, env)
  return {
    databaseUrl: values.DATABASE_URL,
    host: values.WHEELHOUSE_HOST,
    port: values.WHEELHOUSE_PORTAL_PORT,
    url: portalUrl(values),
    brokerUrl: brokerUrl(values),
    authSecret: values.WHEELHOUSE_AUTH_SECRET,
    keys: keySources(values),
    claude: claudeAccess(values),
    webhookPrivateHosts: webhookPrivateHosts(values),
    mailFrom: values.WHEELHOUSE_MAIL_FROM ?? null,
    oidc: toOidc(values),
    demo: values.WHEELHOUSE_DEMO ?? false,
    trustedIssuers: readTrustedIssuers(values.WHEELHOUSE_TRUSTED_ISSUERS),
    trustProxy: values.WHEELHOUSE_TRUST_PROXY,
    apiPerMinute: {
      read: values.WHEELHOUSE_API_READS_PER_MINUTE,
      write: values.WHEELHOUSE_API_WRITES_PER_MINUTE,
    },
    brokerLimits: {
      agent: values.WHEELHOUSE_AGENT_CALLS_PER_SECOND,
      server: values.WHEELHOUSE_SERVER_CALLS_PER_SECOND,
      resultBytesMax: values.WHEELHOUSE_RESULT_BYTES_MAX,
      streamBytesMax: values.WHEELHOUSE_STREAM_BYTES_MAX,
      spendingAgeMsMax: values.WHEELHOUSE_SPENDING_SECONDS * 1000,
    },
    logLevel: values.WHEELHOUSE_LOG_LEVEL,
  }
}

type SignIn = {
  WHEELHOUSE_DEMO?: boolean | undefined
  WHEELHOUSE_HOST: string
  WHEELHOUSE_URL?: string | undefined
  OIDC_ISSUER?: string | undefined
  OIDC_CLIENT_ID?: string | undefined
  OIDC_CLIENT_SECRET?: string | undefined
}

/**
 * Personas without a password exist only with demo data where nobody else can reach them; otherwise there must be a provider. Session
 * cookies and tokens never cross a network in the clear.
 */
export function checkSignIn(env: SignIn, context: z.RefinementCtx): void {
  const refuse = (variable: string, message: string) => context.addIssue({ code: 'custom', path: [variable], message })
  const address = env.WHEELHOUSE_URL === undefined ? null : new URL(env.WHEELHOUSE_URL)
  if (address && address.protocol !== 'https:' && !isLoopback(address.hostname)) {
    refuse(
      'WHEELHOUSE_URL',
      'Sessions and tokens would cross the network readable by anyone: use https:// (a proxy that ends TLS is enough). Plain http is for loopback addresses.',
    )
  }
  const missing = (['OIDC_ISSUER', 'OIDC_CLIENT_ID', 'OIDC_CLIENT_SECRET'] as const).filter((name) => !env[name])
  if (missing.length > 0 && missing.length < 3) {
    for (const name of missing)
      refuse(name, 'OIDC_ISSUER, OIDC_CLIENT_ID and OIDC_CLIENT_SECRET belong together; this one is missing.')
  }
  if (!env.WHEELHOUSE_DEMO) {
    if (missing.length === 3)
      refuse(
        'OIDC_ISSUER',
        'Nobody could sign in: set the OIDC_ variables, or WHEELHOUSE_DEMO=true on a loopback address.',
      )
    return
  }
  const why = 'Demo personas sign in without a password, so with WHEELHOUSE_DEMO=true this must be a loopback address.'
  if (!isLoopback(env.WHEELHOUSE_HOST)) refuse('WHEELHOUSE_HOST', why)
  if (address && !isLoopback(address.hostname)) refuse('WHEELHOUSE_URL', why)
}

function toOidc(values: z.output<typeof schema>): OidcConfig | null {
  if (!values.OIDC_ISSUER || !values.OIDC_CLIENT_ID || !values.OIDC_CLIENT_SECRET) return null
  return {
    issuer: values.OIDC_ISSUER,
    clientId: values.OIDC_CLIENT_ID,
    clientSecret: values.OIDC_CLIENT_SECRET,
    groupsClaim: values.OIDC_GROUPS_CLAIM,
    groupRoles: values.OIDC_GROUP_ROLES,
  }
}
