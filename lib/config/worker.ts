import { brokerUrl, checkClaudeKey, claudeAccess, portalUrl, sandboxUrl, webhookPrivateHosts } from './addresses.ts'
import { checkKeys, keySources } from './keys.ts'
import { checkMail, smtpSettings } from './mail.ts'
import { checkNpmToken, packageStore } from './packages.ts'
import { type Environment, parseEnvironment, variableNames, variables } from './shared.ts'

const schema = variables
  .pick({
    DATABASE_URL: true,
    WHEELHOUSE_HOME: true,
    WHEELHOUSE_NPM_REGISTRY: true,
    WHEELHOUSE_NPM_TOKEN: true,
    WHEELHOUSE_HOST: true,
    WHEELHOUSE_WORKER_PORT: true,
    WHEELHOUSE_URL: true,
    WHEELHOUSE_PORTAL_PORT: true,
    WHEELHOUSE_BROKER_URL: true,
    WHEELHOUSE_BROKER_PORT: true,
    WHEELHOUSE_CLAUDE_URL: true,
    WHEELHOUSE_CLAUDE_PORT: true,
    WHEELHOUSE_CLAUDE_KEY: true,
    ANTHROPIC_API_KEY: true,
    WHEELHOUSE_ENCRYPTION_KEY: true,
    WHEELHOUSE_WEBHOOK_PRIVATE_HOSTS: true,
    WHEELHOUSE_SMTP_URL: true,
    WHEELHOUSE_MAIL_FROM: true,
    WHEELHOUSE_KEYS: true,
    WHEELHOUSE_GCP_KMS_URL: true,
    VAULT_ADDR: true,
    VAULT_TOKEN: true,
    VAULT_NAMESPACE: true,
    WHEELHOUSE_LINK_LOCAL_SERVERS: true,
    WHEELHOUSE_STDIO_KEY: true,
    WHEELHOUSE_SANDBOX_URL: true,
    WHEELHOUSE_SANDBOX_PORT: true,
    WHEELHOUSE_LOG_LEVEL: true,
    WHEELHOUSE_GRACE_MS: true,
    WHEELHOUSE_ORPHAN_GRACE_DAYS: true,
    WHEELHOUSE_UNSEEN_DAYS: true,
  })
  .required({ DATABASE_URL: true })
  .superRefine(checkKeys)
  .superRefine(checkClaudeKey)
  .superRefine(checkMail)
  .superRefine(checkNpmToken)

/** The variables this process reads; the start program hands it no other of ours. */
export const workerVariables = variableNames(schema)

/** Reads the worker's environment; throws `ConfigError` naming every wrong variable. */
export function parseWorkerConfig(env: Environment = process.env) {
  const values = parseEnvironment('worker', schema, env)
  return {
    databaseUrl: values.DATABASE_URL,
    host: values.WHEELHOUSE_HOST,
    port: values.WHEELHOUSE_WORKER_PORT,
    url: portalUrl(values),
    brokerUrl: brokerUrl(values),
    claude: claudeAccess(values),
    webhookPrivateHosts: webhookPrivateHosts(values),
    smtp: smtpSettings(values),
    keys: keySources(values),
    /** Where programs are started to be looked at, and the key that opens them; null: nowhere. */
    programs: values.WHEELHOUSE_STDIO_KEY ? { url: sandboxUrl(values), key: values.WHEELHOUSE_STDIO_KEY } : null,
    packages: packageStore(values),
    allowLinkLocal: values.WHEELHOUSE_LINK_LOCAL_SERVERS,
    logLevel: values.WHEELHOUSE_LOG_LEVEL,
    graceMs: values.WHEELHOUSE_GRACE_MS,
    orphanGraceDays: graceDaysOf(values.WHEELHOUSE_ORPHAN_GRACE_DAYS),
    unseenDays: values.WHEELHOUSE_UNSEEN_DAYS,
  }
}

/** `high=3,medium=7,low=14` */
function graceDaysOf(text: string): { high: number; medium: number; low: number } {
  const days = new Map(
    text.split(',').map((part): [string, number] => [part.split('=')[0]!, Number(part.split('=')[1])]),
  )
  return { high: days.get('high')!, medium: days.get('medium')!, low: days.get('low')! }
}
