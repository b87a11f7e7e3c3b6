import { err, ok, type Result } from '#lib/core/result.ts'

/** Errors of a token endpoint (RFC 6749 §5.2, RFC 8707 §2); `rule` names ours where one applies. */
export type TokenEndpointError = {
  error: 'invalid_request' | 'invalid_client' | 'unauthorized_client' | 'unsupported_grant_type' | 'invalid_target'
  message: string
  rule?: string
}

export type ClientProof =
  | { kind: 'secret'; clientId: string; secret: string }
  | { kind: 'assertion'; clientId: string | null; assertion: string }

export type TokenRequest = { proof: ClientProof; resources: readonly string[] }

const assertionType = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'
const single = ['grant_type', 'client_id', 'client_secret', 'client_assertion', 'client_assertion_type', 'scope']

/** Reads a token request: one way of authenticating, no parameter twice (RFC 6749 §3.2), `resource` as often as wanted. */
export function parseTokenRequest(request: {
  authorization: string | null
  contentType: string | null
  body: string
}): Result<TokenRequest, TokenEndpointError> {
  if (!/^application\/x-www-form-urlencoded\s*(;|$)/i.test(request.contentType ?? '')) {
    return invalid('Send application/x-www-form-urlencoded.')
  }
  const form = new URLSearchParams(request.body)
  const twice = single.find((name) => form.getAll(name).length > 1)
  if (twice) return invalid(`The parameter ${twice} is there twice.`)
  const grantType = form.get('grant_type')
  if (!grantType) return invalid('The parameter grant_type is missing.')
  if (grantType !== 'client_credentials') {
    return err({ error: 'unsupported_grant_type', message: 'Only client_credentials is supported.' })
  }
  const proof = parseProof(request.authorization, form)
  return proof.ok ? ok({ proof: proof.value, resources: form.getAll('resource') }) : proof
}

function parseProof(authorization: string | null, form: URLSearchParams): Result<ClientProof, TokenEndpointError> {
  const clientId = form.get('client_id')
  const secret = form.get('client_secret')
  const assertion = form.get('client_assertion')
  const ways = [authorization, secret, assertion].filter((way) => way !== null)
  if (ways.length > 1) return invalid('Authenticate in one way only.')
  if (authorization !== null) return parseBasic(authorization)
  if (assertion !== null) {
    if (form.get('client_assertion_type') !== assertionType) {
      return invalid(`The client_assertion_type must be ${assertionType}.`)
    }
    return ok({ kind: 'assertion', clientId, assertion })
  }
  if (clientId === null || secret === null) return unauthenticated('No client authentication was sent.')
  return ok({ kind: 'secret', clientId, secret })
}

/** RFC 6749 §2.3.1: both halves are form-encoded before they are joined. */
function parseBasic(authorization: string): Result<ClientProof, TokenEndpointError> {
  const encoded = /^Basic ([A-Za-z0-9+/=]+)$/i.exec(authorization)?.[1]
  const [id, ...rest] = Buffer.from(encoded ?? '', 'base64')
    .toString('utf8')
    .split(':')
  if (!id || rest.length === 0) return unauthenticated('The Authorization header is not HTTP Basic.')
  try {
    return ok({ kind: 'secret', clientId: decode(id), secret: decode(rest.join(':')) })
  } catch {
    return unauthenticated('The Authorization header is not encoded as RFC 6749 says.')
  }
}

function decode(text: string): string {
  return decodeURIComponent(text.replaceAll('+', ' '))
}

function invalid(message: string): Result<never, TokenEndpointError> {
  return err({ error: 'invalid_request', message })
}

function unauthenticated(message: string): Result<never, TokenEndpointError> {
  return err({ error: 'invalid_client', message, rule: 'client_authentication_failed' })
}
