import { decodeJwt } from 'jose'
import { paths } from '#lib/core/paths.ts'
import { claimedBy, revocationEndpointPath, tokenEndpointPath } from '../agent-token-client.ts'
import { errorResponse, formRequest, limitTries } from '../agent-token-http.ts'
import type { TokenIssuer } from '../agent-token-issue.ts'
import { accessTokenType, type FormRequest, grantTypes, parseTokenRequest } from '../agent-token-request.ts'
import type { Ctx } from '../ctx.ts'
import { appPermissions } from '../rules/app-request.ts'
import { dpopAlgorithms } from '../rules/dpop.ts'
import { takesIdentityAssertions } from '../trusted-issuers.ts'
import { issueAgentToken } from './agent-token-issuing.ts'

/**
 * The token endpoint as HTTP says it (RFC 6749 §5): a token, or an error object that names our rule as well. Tries are limited by client
 * and by address, so that nobody guesses fast and strangers do not flood the audit log.
 */
export async function answerTokenRequest(
  ctx: Ctx,
  input: { issuer: TokenIssuer; headers: Headers; body: string },
): Promise<Response> {
  const { issuer, headers } = input
  const request = formRequest(input)
  const limited = await limitTries(ctx, { headers, clientId: whoTries(request) })
  if (limited) return limited
  const issued = await issueAgentToken(ctx, { issuer, dpop: headers.get('dpop'), ...request })
  if (!issued.ok) return errorResponse(issued.error, request)
  const { token, expiresAt, tokenType } = issued.value
  const answer = {
    access_token: token,
    token_type: tokenType,
    expires_in: Math.max(0, Math.floor((expiresAt.getTime() - ctx.now.getTime()) / 1000)),
    ...(isExchange(request) ? { issued_token_type: accessTokenType } : {}),
  }
  return Response.json(answer, { headers: { 'cache-control': 'no-store' } })
}

/** The metadata of the authorization server (RFC 8414), of agents and of people's apps: what works, and nothing else. */
export function authorizationServerMetadata(
  issuer: Pick<TokenIssuer, 'issuer' | 'audience' | 'trusted'>,
): Record<string, unknown> {
  const takesAssertions = takesIdentityAssertions(issuer.trusted)
  const authentication = ['client_secret_basic', 'client_secret_post', 'private_key_jwt']
  const algorithms = ['EdDSA', 'ES256', 'ES384', 'PS256', 'RS256']
  return {
    issuer: issuer.issuer,
    token_endpoint: issuer.issuer + tokenEndpointPath,
    authorization_endpoint: issuer.issuer + paths.authorize(),
    registration_endpoint: `${issuer.issuer}/api/oauth/register`,
    client_id_metadata_document_supported: true,
    code_challenge_methods_supported: ['S256'],
    scopes_supported: appPermissions,
    jwks_uri: `${issuer.issuer}/.well-known/jwks.json`,
    revocation_endpoint: issuer.issuer + revocationEndpointPath,
    grant_types_supported: [
      'authorization_code',
      'refresh_token',
      grantTypes.clientCredentials,
      grantTypes.exchange,
      ...(takesAssertions ? [grantTypes.jwtBearer] : []),
    ],
    ...(takesAssertions
      ? { authorization_grant_profiles_supported: ['urn:ietf:params:oauth:grant-profile:id-jag'] }
      : {}),
    response_types_supported: ['code'],
    response_modes_supported: ['query'],
    authorization_response_iss_parameter_supported: true,
    // `none` is for people's apps, and for an exchange, where the subject token proves itself.
    token_endpoint_auth_methods_supported: [...authentication, 'none'],
    token_endpoint_auth_signing_alg_values_supported: algorithms,
    revocation_endpoint_auth_methods_supported: [...authentication, 'none'],
    revocation_endpoint_auth_signing_alg_values_supported: algorithms,
    dpop_signing_alg_values_supported: dpopAlgorithms,
    protected_resources: [issuer.audience, `${issuer.audience}/registry`],
  }
}

/** Whose credential or whose token is being tried, before anything is verified. */
function whoTries(request: FormRequest): string {
  const parsed = parseTokenRequest(request)
  if (!parsed.ok) return 'unknown'
  const { grant } = parsed.value
  if (grant.proof) return claimedBy(grant.proof) ?? 'unknown'
  try {
    const { iss, sub } = decodeJwt(grant.kind === 'exchange' ? grant.subjectToken : '')
    return `${iss} ${sub}`
  } catch {
    return 'unknown'
  }
}

function isExchange(request: FormRequest): boolean {
  return new URLSearchParams(request.body).get('grant_type') === grantTypes.exchange
}
