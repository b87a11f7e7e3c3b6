import { z } from 'zod'
import { slug } from '#lib/core/slug.ts'
import { timeText } from '#lib/core/instant.ts'

/** Every kind of credential the broker can show a server, in words. */
export const credentialKinds = {
  bearer: 'Bearer token',
  basic: 'User and password',
  header: 'Header of its own',
  mtls: 'Client certificate',
  oauth_client: 'OAuth client',
  oauth_person: 'OAuth, authorized by a person',
  oauth_enterprise: 'OAuth, by the identity provider',
  oauth_workload: 'OAuth, as a workload',
} as const
export type CredentialKind = keyof typeof credentialKinds

/** A kind as it is stored, in words; of a program a secret is the values of its variables. */
export function credentialKindText(kind: string, isProgram: boolean): string {
  if (isProgram && kind === 'bearer') return 'Values of its variables'
  return kind in credentialKinds ? credentialKinds[kind as CredentialKind] : kind
}

export const clientAuthMethods = ['client_secret_basic', 'client_secret_post', 'private_key_jwt'] as const
export type ClientAuthMethod = (typeof clientAuthMethods)[number]

const secretLine = z
  .string()
  .min(1, 'The credential is missing.')
  .max(8000, 'Use at most 8000 characters.')
  .regex(/^[\x20-\x7E]*$/, 'A credential is one line of printable ASCII.')

const pem = (what: string) => z.string().trim().max(100_000).startsWith('-----BEGIN ', `${what} has to be in PEM.`)

export const scopeText = z
  .string()
  .trim()
  .max(2000, 'Use at most 2000 characters.')
  .regex(/^[\x21\x23-\x5B\x5D-\x7E ]*$/, 'Scopes are separated by spaces (RFC 6749).')
const issuerUrl = z.url({ protocol: /^https?$/, error: 'Use an http or https address.' }).max(2000)
/** The authorization server that may get what is sealed. */
export const authorizationServer = z
  .url({
    protocol: /^https?$/,
    error: 'Name the authorization server that may get it: its issuer, an http or https address.',
  })
  .max(2000, 'Use at most 2000 characters.')

/** Whose it is and why it is set; the same for every kind. */
const common = {
  teamId: slug.nullable().default(null).describe('null: the server’s own, for every team without its own.'),
  reason: z.string().trim().max(500, 'Use at most 500 characters.').optional(),
  expiresAt: timeText().optional().describe('When the secret ends, if that is known; a certificate says it itself.'),
}

/** Write-only: what is secret is sealed at once and never shown again. For 'basic' it is `user:password`, for 'header' the header's value. */
export const serverCredentialBody = credentialInput({})
export const setServerCredentialInput = credentialInput({ serverId: z.string() })
export type SetServerCredentialInput = z.input<typeof setServerCredentialInput>

/** What can be tried at a server before anything of it is stored. */
export const probeCredential = z.discriminatedUnion('kind', tried({}))
export type ProbeCredential = z.input<typeof probeCredential>

export const triedKinds = [
  'bearer',
  'basic',
  'header',
  'mtls',
  'oauth_client',
] as const satisfies readonly ProbeCredential['kind'][]

export function isTriedKind(kind: string): kind is (typeof triedKinds)[number] {
  return triedKinds.some((one) => one === kind)
}

/** The kinds that need nobody else to be shown. */
function tried<Shape extends z.ZodRawShape>(shape: Shape) {
  const bearer = z.strictObject({
    ...shape,
    kind: z.literal('bearer'),
    secret: secretLine.describe(
      'The token. Of a server over stdio: the value of its variable, or a JSON object of texts with the values of several.',
    ),
  })
  const basic = z.strictObject({
    ...shape,
    kind: z.literal('basic'),
    secret: secretLine.regex(/^[^:]+:/, 'Use user:password.').describe('user:password'),
  })
  const header = z.strictObject({
    ...shape,
    kind: z.literal('header'),
    headerName: z.string().regex(/^[A-Za-z0-9-]{1,100}$/, 'Use letters, digits and hyphens.'),
    secret: secretLine.describe('The value of the header.'),
  })
  const mtls = z.strictObject({
    ...shape,
    kind: z.literal('mtls'),
    certificate: pem('The certificate'),
    privateKey: pem('The private key'),
    ca: pem('The issuer’s certificate')
      .optional()
      .describe('Who issued the certificate of the server, where that is nobody the system trusts.'),
  })
  const oauthClient = z
    .strictObject({
      ...shape,
      kind: z.literal('oauth_client'),
      clientId: secretLine.max(500),
      method: z.enum(clientAuthMethods),
      clientSecret: secretLine.optional(),
      privateKey: pem('The private key').optional(),
      scope: scopeText.optional(),
      issuer: authorizationServer.describe(
        'The authorization server that the client is known to, and that alone gets its secret.',
      ),
    })
    .superRefine((input, context) => checkClientSecret(input as ClientSecretFields, context))
  return [bearer, basic, header, mtls, oauthClient] as const
}

function credentialInput<More extends z.ZodRawShape>(more: More) {
  const shape = { ...common, ...more }
  const [bearer, basic, header, mtls, oauthClient] = tried(shape)
  const enterprise = z
    .strictObject({
      ...shape,
      kind: z.literal('oauth_enterprise'),
      /** As which client the platform is known to the authorization server of the MCP server. */
      clientId: secretLine.max(500),
      clientSecret: secretLine,
      /** The identity provider, and as which client the platform is known there. */
      idpIssuer: issuerUrl,
      idpClientId: secretLine.max(500),
      idpClientSecret: secretLine.optional(),
      idToken: secretLine.optional().describe('In whose name, for as long as it goes; or a refresh token.'),
      refreshToken: secretLine.optional().describe('From which ID tokens come; or one ID token.'),
      scope: scopeText.optional(),
      /** The authorization server that may get all this: the MCP server is not to choose it. */
      issuer: authorizationServer,
    })
    .superRefine((input, context) => checkIdentity(input as IdentityFields, context))
  const workload = z
    .strictObject({
      ...shape,
      kind: z.literal('oauth_workload'),
      /** As which client the platform is known to the authorization server of the MCP server. */
      clientId: secretLine.max(500),
      /** A JWT about the platform's workload, for as long as it goes; or what such are signed with, each for one request: */
      assertion: secretLine.optional(),
      privateKey: pem('The private key').optional(),
      keyId: secretLine.max(200).optional(),
      /** who vouches, and for whom. */
      workloadIssuer: secretLine.max(500).optional(),
      subject: secretLine.max(500).optional(),
      scope: scopeText.optional(),
      /** The authorization server that may get it: the MCP server is not to choose it. */
      issuer: authorizationServer,
    })
    .superRefine((input, context) => checkWorkload(input as WorkloadFields, context))
  return z.discriminatedUnion('kind', [bearer, basic, header, mtls, oauthClient, enterprise, workload])
}

type WorkloadFields = Partial<
  Record<'assertion' | 'privateKey' | 'keyId' | 'workloadIssuer' | 'subject', string | undefined>
>

function checkWorkload(input: WorkloadFields, context: z.RefinementCtx): void {
  const refuse = (field: string, message: string) => context.addIssue({ code: 'custom', path: [field], message })
  const { assertion, privateKey } = input
  if ((assertion === undefined) === (privateKey === undefined)) {
    return refuse('assertion', 'Give a JWT of the workload or the private key that signs them, one of them.')
  }
  for (const field of ['workloadIssuer', 'subject'] as const) {
    const given = input[field] !== undefined
    if (privateKey !== undefined && !given) refuse(field, 'A signed JWT says who vouches and for whom: give both.')
    if (assertion !== undefined && given) refuse(field, 'The JWT says this itself: leave it out.')
  }
  if (assertion !== undefined && input.keyId !== undefined) refuse('keyId', 'The JWT says this itself: leave it out.')
}

type IdentityFields = { idToken?: string; refreshToken?: string }

function checkIdentity({ idToken, refreshToken }: IdentityFields, context: z.RefinementCtx): void {
  if ((idToken === undefined) !== (refreshToken === undefined)) return
  context.addIssue({
    code: 'custom',
    path: ['refreshToken'],
    message: 'Give an ID token or a refresh token, one of them.',
  })
}

type ClientSecretFields = { method: ClientAuthMethod; privateKey?: string; clientSecret?: string }

function checkClientSecret({ method, privateKey, clientSecret }: ClientSecretFields, context: z.RefinementCtx): void {
  const refuse = (field: string, message: string) => context.addIssue({ code: 'custom', path: [field], message })
  const byKey = method === 'private_key_jwt'
  if (byKey !== (privateKey !== undefined))
    refuse('privateKey', 'A private key belongs to private_key_jwt, and only to it.')
  if (byKey === (clientSecret !== undefined))
    refuse('clientSecret', 'A client secret belongs to client_secret_basic and client_secret_post, and only to them.')
}

export const removeServerCredentialInput = z.strictObject({
  serverId: z.string(),
  teamId: slug.nullable().default(null),
  reason: z.string().trim().min(1, 'Say why.').max(500, 'Use at most 500 characters.'),
})
export type RemoveServerCredentialInput = z.input<typeof removeServerCredentialInput>

/** What is not secret about a credential; what a kind does not have is left out. */
export type CredentialSettings = {
  clientId?: string
  method?: string
  scope?: string
  issuer?: string
  /** Its server named the issuer, and nobody has confirmed it: of a client that was set without one. */
  issuerFrom?: 'server'
  subject?: string
  idpIssuer?: string
  idpClientId?: string
  workloadIssuer?: string
  keyId?: string
}

/** What page and API show of a credential: everything but the secret. */
export type CredentialView = {
  kind: string
  headerName: string | null
  /** null: the server's own. */
  team: { id: string; name: string } | null
  settings: CredentialSettings
  setBy: string | null
  reason: string | null
  updatedAt: string
  lastUsedAt: string | null
  expiresAt: string | null
  /** OAuth: when the access token ends; the broker refreshes it by itself. */
  tokensExpireAt: string | null
  /** Scopes the server asked for that were not granted. */
  wantedScope: string | null
  lastError: { message: string; at: string } | null
}

/** So long before its end a credential is warned about. */
export const expiryWarningMs = 14 * 86_400_000
