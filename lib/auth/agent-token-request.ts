import { err, ok, type Result } from '#lib/core/result.ts'

/** Errors of a token endpoint (RFC 6749 §5.2, RFC 8707 §2, RFC 9449 §5); `rule` names ours where one applies. */
export type TokenEndpointError = {
  error:
    | 'invalid_request'
    | 'invalid_client'
    | 'invalid_grant'
    | 'unauthorized_client'
    | 'unsupported_grant_type'
    | 'unsupported_token_type'
    | 'invalid_target'
    | 'invalid_dpop_proof'
    | 'temporarily_unavailable'
  message: string
  rule?: string
}

export type ClientProof =
  | { kind: 'secret'; clientId: string; secret: string }
  | { kind: 'assertion'; clientId: string | null; assertion: string }

/** What a token is asked for: with a credential alone, with an assertion of a trusted issuer, or for another token. */
export type TokenGrant =
  | { kind: 'client_credentials'; proof: ClientProof }
  | { kind: 'identity_assertion'; proof: ClientProof; assertion: string }
  | { kind: 'exchange'; proof: ClientProof | null; subjectToken: string; subjectType: 'access_token' | 'jwt' }

export type TokenRequest = { grant: TokenGrant; resources: readonly string[] }
export type FormRequest = { authorization: string | null; contentType: string | null; body: string }

export const grantTypes = {
  clientCredentials: 'client_credentials',
  jwtBearer: 'urn:ietf:params:oauth:grant-type:jwt-bearer',
  exchange: 'urn:ietf:params:oauth:grant-type:token-exchange',
} as const

const assertionType = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'
const tokenTypePrefix = 'urn:ietf:params:oauth:token-type:'
export const accessTokenType = `${tokenTypePrefix}access_token`
/** May be there more than once (RFC 8693 §2.1, RFC 8707 §2); every other parameter may not (RFC 6749 §3.2). */
const repeatable = new Set(['resource', 'audience'])

/** Reads a token request: one way of authenticating, no parameter twice, `resource` as often as wanted. */
export function parseTokenRequest(request: FormRequest): Result<TokenRequest, TokenEndpointError> {
  const form = parseForm(request)
  if (!form.ok) return form
  const grant = parseGrant(request.authorization, form.value)
  if (!grant.ok) return grant
  return ok({ grant: grant.value, resources: [...form.value.getAll('resource'), ...form.value.getAll('audience')] })
}

/** Reads a form that a client authenticates with: the token endpoint's and the revocation endpoint's. */
export function parseForm({ contentType, body }: FormRequest): Result<URLSearchParams, TokenEndpointError> {
  if (!/^application\/x-www-form-urlencoded\s*(;|$)/i.test(contentType ?? '')) {
    return invalid('Send application/x-www-form-urlencoded.')
  }
  const form = new URLSearchParams(body)
  const twice = [...new Set(form.keys())].find((name) => !repeatable.has(name) && form.getAll(name).length > 1)
  return twice === undefined ? ok(form) : invalid(`The parameter ${twice.slice(0, 100)} is there twice.`)
}

function parseGrant(authorization: string | null, form: URLSearchParams): Result<TokenGrant, TokenEndpointError> {
  const grantType = form.get('grant_type')
  if (!grantType) return invalid('The parameter grant_type is missing.')
  if (grantType === grantTypes.exchange) return parseExchange(authorization, form)
  if (grantType !== grantTypes.clientCredentials && grantType !== grantTypes.jwtBearer) {
    const message = `Supported are ${Object.values(grantTypes).join(', ')}.`
    return err({ error: 'unsupported_grant_type', message })
  }
  const proof = parseProof(authorization, form)
  if (!proof.ok) return proof
  if (grantType === grantTypes.clientCredentials) return ok({ kind: 'client_credentials', proof: proof.value })
  const assertion = form.get('assertion')
  if (!assertion) return invalid('The parameter assertion is missing.')
  return ok({ kind: 'identity_assertion', proof: proof.value, assertion })
}

/** RFC 8693 §2.1. The subject token proves itself, so a client need not authenticate; one that tries must be right. */
function parseExchange(authorization: string | null, form: URLSearchParams): Result<TokenGrant, TokenEndpointError> {
  const subjectToken = form.get('subject_token')
  const subjectType = form.get('subject_token_type')
  if (!subjectToken || !subjectType) return invalid('subject_token and subject_token_type are needed.')
  if (form.has('actor_token')) return invalid('An actor_token is not supported.')
  if ((form.get('requested_token_type') ?? accessTokenType) !== accessTokenType) {
    return invalid(`Only ${accessTokenType} is issued.`)
  }
  const type = subjectType.startsWith(tokenTypePrefix) ? subjectType.slice(tokenTypePrefix.length) : ''
  if (type !== 'access_token' && type !== 'jwt') {
    return invalid(`A subject token is of type ${accessTokenType} or ${tokenTypePrefix}jwt.`)
  }
  const authenticates = authorization !== null || form.has('client_secret') || form.has('client_assertion')
  const proof = authenticates ? parseProof(authorization, form) : ok(null)
  return proof.ok ? ok({ kind: 'exchange', proof: proof.value, subjectToken, subjectType: type }) : proof
}

/** How the client authenticates: in one way only. */
export function parseProof(
  authorization: string | null,
  form: URLSearchParams,
): Result<ClientProof, TokenEndpointError> {
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
