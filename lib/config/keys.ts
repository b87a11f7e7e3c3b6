import { z } from 'zod'

/** A key-encryption key as the environment names it, with what is needed to reach it. */
export type KeySource =
  | { driver: 'environment'; key: string }
  | { driver: 'file'; path: string }
  | { driver: 'aws-kms'; keyId: string }
  | { driver: 'gcp-kms'; name: string; url: string }
  | { driver: 'vault-transit'; mount: string; name: string; url: string; token: string; namespace: string | null }

const gcpName = /^projects\/[^/]+\/locations\/[^/]+\/keyRings\/[^/]+\/cryptoKeys\/[^/]+$/
const howTo =
  'Use, separated by commas and newest first: environment, file:/absolute/path, aws-kms:<key ARN>, gcp-kms:projects/…/cryptoKeys/…, vault-transit:<mount>/<key>.'

/** The variables of key-encryption keys; every process that seals or opens picks all of them. */
export const keyVariables = {
  WHEELHOUSE_ENCRYPTION_KEY: z
    .string()
    .refine(
      (value) => value.split(',').every(is32Bytes),
      'Use 32 random bytes in base64 (openssl rand -base64 32); newest first when several.',
    )
    .optional()
    .describe(
      'The key-encryption key `environment`: 32 bytes, base64; while it is replaced, the new and the old one separated by a comma. Generated. Secret.',
    ),
  WHEELHOUSE_KEYS: z
    .string()
    .default('environment')
    .describe(
      'Where the key-encryption keys are, newest first: environment, file:/path, aws-kms:<key ARN>, gcp-kms:projects/…/cryptoKeys/…, vault-transit:<mount>/<key>.',
    ),
  WHEELHOUSE_GCP_KMS_URL: z
    .url({ protocol: /^https?$/ })
    .default('https://cloudkms.googleapis.com')
    .describe('Google Cloud KMS, for gcp-kms keys; credentials as Google’s libraries find them.'),
  VAULT_ADDR: z
    .url({ protocol: /^https?$/, error: 'Use an http or https address.' })
    .optional()
    .describe('HashiCorp Vault, for vault-transit keys.'),
  VAULT_TOKEN: z
    .string()
    .min(1)
    .optional()
    .describe('Token at Vault that may encrypt and decrypt with the transit key. Secret.'),
  VAULT_NAMESPACE: z.string().min(1).optional().describe('Namespace at Vault, where there are any.'),
} as const

type KeyEnvironment = {
  WHEELHOUSE_ENCRYPTION_KEY?: string | undefined
  WHEELHOUSE_KEYS: string
  WHEELHOUSE_GCP_KMS_URL: string
  VAULT_ADDR?: string | undefined
  VAULT_TOKEN?: string | undefined
  VAULT_NAMESPACE?: string | undefined
}

/** For `superRefine`: every key that is named can be reached as far as the environment says. */
export function checkKeys(env: KeyEnvironment, context: z.RefinementCtx): void {
  const refuse = (variable: string, message: string) => context.addIssue({ code: 'custom', path: [variable], message })
  for (const entry of entriesOf(env)) {
    if (entry === 'environment' && !env.WHEELHOUSE_ENCRYPTION_KEY)
      refuse('WHEELHOUSE_ENCRYPTION_KEY', 'This variable is missing.')
    if (entry.startsWith('vault-transit:') && !env.VAULT_ADDR)
      refuse('VAULT_ADDR', 'A vault-transit key needs the address of Vault.')
    if (entry.startsWith('vault-transit:') && !env.VAULT_TOKEN)
      refuse('VAULT_TOKEN', 'A vault-transit key needs a token.')
    if (!isKeyEntry(entry)) refuse('WHEELHOUSE_KEYS', howTo)
  }
}

/** The keys in the order they are named: newest first. */
export function keySources(env: KeyEnvironment): KeySource[] {
  return entriesOf(env).flatMap((entry): KeySource[] => {
    const at = entry.indexOf(':')
    const [driver, rest] = at < 0 ? [entry, ''] : [entry.slice(0, at), entry.slice(at + 1)]
    switch (driver) {
      case 'environment':
        return (env.WHEELHOUSE_ENCRYPTION_KEY ?? '').split(',').map((key) => ({ driver, key }))
      case 'file':
        return [{ driver, path: rest }]
      case 'aws-kms':
        return [{ driver, keyId: rest }]
      case 'gcp-kms':
        return [{ driver, name: rest, url: env.WHEELHOUSE_GCP_KMS_URL }]
      case 'vault-transit':
        return [
          {
            driver,
            mount: rest.slice(0, rest.lastIndexOf('/')),
            name: rest.slice(rest.lastIndexOf('/') + 1),
            url: (env.VAULT_ADDR ?? '').replace(/\/+$/, ''),
            token: env.VAULT_TOKEN ?? '',
            namespace: env.VAULT_NAMESPACE ?? null,
          },
        ]
      default:
        return []
    }
  })
}

function entriesOf(env: KeyEnvironment): string[] {
  return env.WHEELHOUSE_KEYS.split(',').map((entry) => entry.trim())
}

function isKeyEntry(entry: string): boolean {
  if (entry === 'environment') return true
  const at = entry.indexOf(':')
  const rest = entry.slice(at + 1)
  switch (entry.slice(0, at)) {
    case 'file':
      return rest.startsWith('/')
    case 'aws-kms':
      return /^arn:aws[a-z-]*:kms:[a-z0-9-]+:\d{12}:key\/[\w-]+$/.test(rest)
    case 'gcp-kms':
      return gcpName.test(rest)
    case 'vault-transit':
      return /^[\w-]+(?:\/[\w-]+)+$/.test(rest)
    default:
      return false
  }
}

/** 32 bytes in base64. */
export function is32Bytes(value: string): boolean {
  return /^[A-Za-z0-9+/]{43}=$/.test(value)
}
