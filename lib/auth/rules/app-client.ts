import { z } from 'zod'
import { err, ok, type Result } from '#lib/core/result.ts'

/** Why an app is not let in; `rule` is what the audit log has. */
export type AppRefusal = { rule: AppRule; message: string }
export type AppRule =
  | 'app:client_unknown'
  | 'app:client_document'
  | 'app:client_metadata'
  | 'app:redirect_not_registered'
  | 'app:request_invalid'
  | 'app:pkce_required'
  | 'app:resource_not_served'
  | 'app:scope_unknown'
  | 'app:nothing_to_allow'
  | 'app:denied'
  | 'app:grant_invalid'
  | 'app:code_reused'
  | 'app:token_reused'

/** What an app says of itself, be it in its document (Client ID Metadata Document) or when it registers (RFC 7591). */
export type ClientMetadata = { name: string; redirectUris: string[] }

const grantTypes = ['authorization_code', 'refresh_token']

const metadata = z.looseObject({
  client_name: z.string().trim().min(1).max(100).optional(),
  redirect_uris: z.array(z.string().max(2000)).min(1).max(20),
  grant_types: z.array(z.string().max(200)).max(20).optional(),
  response_types: z.array(z.string().max(100)).max(20).optional(),
  token_endpoint_auth_method: z.string().max(100).optional(),
})

/** Reads what an app says of itself: redirects over https or to this machine, the code flow, and no secret. */
export function readClientMetadata(document: unknown): Result<ClientMetadata, AppRefusal> {
  const parsed = metadata.safeParse(document)
  if (!parsed.success) return refuse(z.prettifyError(parsed.error).slice(0, 500))
  const given = parsed.data
  const bad = given.redirect_uris.find((uri) => !isRedirectUri(uri))
  if (bad !== undefined) {
    return refuse(
      `redirect_uris: ${bad.slice(0, 200)} is neither https nor http to this machine, or has a fragment or a password.`,
    )
  }
  if (given.grant_types && !given.grant_types.includes('authorization_code')) {
    return refuse(`grant_types must contain authorization_code; supported are ${grantTypes.join(' and ')}.`)
  }
  if (given.response_types && !given.response_types.includes('code')) return refuse('response_types must contain code.')
  return ok({ name: printable(given.client_name ?? 'An app without a name'), redirectUris: given.redirect_uris })
}

/**
 * As the document at the client's own address says. Its `client_id` must be that very address, and it must be a public client: what it
 * could prove with a key is not asked here, so one that says it would is not taken without.
 */
export function readClientDocument(address: string, document: unknown): Result<ClientMetadata, AppRefusal> {
  const read = readClientMetadata(document)
  if (!read.ok) return err({ ...read.error, rule: 'app:client_document' })
  const { client_id: clientId, token_endpoint_auth_method: method = 'none' } = document as Record<string, unknown>
  if (clientId !== address) return refuseDocument('Its client_id is not its own address.')
  if (method !== 'none')
    return refuseDocument('Its token_endpoint_auth_method must be none: apps prove themselves by PKCE.')
  return read
}

/** Whether a client_id is the address of a document: https, with a path, and written in one way only. */
export function isClientDocumentAddress(clientId: string): boolean {
  if (!clientId.startsWith('https://') || clientId.length > 500 || !URL.canParse(clientId)) return false
  const url = new URL(clientId)
  const isPlain = url.hash === '' && url.username === '' && url.password === ''
  // What the parser would have to mend (dot segments, another case, a default port) is another spelling.
  return isPlain && url.pathname !== '/' && url.href === clientId
}

function isRedirectUri(uri: string): boolean {
  if (!URL.canParse(uri) || uri.includes('#')) return false
  const url = new URL(uri)
  if (url.username !== '' || url.password !== '') return false
  return url.protocol === 'https:' || isLoopbackRedirect(url)
}

/** RFC 8252 §7.3, and `localhost`, which clients use. */
function isLoopbackRedirect({ protocol, hostname }: URL): boolean {
  return protocol === 'http:' && ['localhost', '127.0.0.1', '[::1]'].includes(hostname)
}

/** Exactly one of those registered; to this machine the port may be another, because a program takes the one that is free. */
export function redirectMatches(registered: readonly string[], asked: string): boolean {
  if (!isRedirectUri(asked)) return false
  if (registered.includes(asked)) return true
  const url = new URL(asked)
  if (!isLoopbackRedirect(url)) return false
  const portless = withoutPort(asked)
  return registered.some((uri) => isLoopbackRedirect(new URL(uri)) && withoutPort(uri) === portless)
}

function withoutPort(uri: string): string {
  const url = new URL(uri)
  url.port = ''
  return url.href
}

/** A name is shown to people who decide by it: nothing in it may turn or hide what stands beside it. */
function printable(name: string): string {
  return (
    name
      .normalize('NFC')
      .replaceAll(/[\p{Cc}\p{Cf}\p{Co}\p{Cn}]/gu, '')
      .trim() || 'An app without a name'
  )
}

function refuse(message: string): Result<never, AppRefusal> {
  return err({ rule: 'app:client_metadata', message })
}

function refuseDocument(message: string): Result<never, AppRefusal> {
  return err({ rule: 'app:client_document', message })
}
