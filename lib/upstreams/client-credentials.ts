import {
  auth,
  computeScopeUnion,
  createPrivateKeyJwtAuth,
  discoverOAuthProtectedResourceMetadata,
  extractWWWAuthenticateParams,
  type FetchLike,
  type OAuthClientProvider,
  type StoredOAuthTokens,
} from '@modelcontextprotocol/client'
import type { CredentialSettings } from '#lib/registry/schema.ts'
import { asksForProof, type DpopKey, dpopSession, newDpopKey } from './dpop.ts'
import { challengeResponse, oauthFetchFor } from './http.ts'
import { authProblem, UpstreamAuthProblem } from './problem.ts'
import { notingFetch } from './shown-secrets.ts'

/** A token to show a server. */
export type UpstreamToken = {
  accessToken: string
  expiresAt: number | null
  scope: string | null
  /** What it is bound to; left out: nothing. */
  dpopKey?: DpopKey
  /** What authorization servers were sent for it: nobody else may get to know it. */
  secrets?: string[]
}
/** What a server said when it refused. */
export type Challenge = { status: number; wwwAuthenticate: string | null }

type ClientSecret = { clientSecret?: string; privateKey?: string; algorithm?: string }

/**
 * A token by client credentials (RFC 6749 §4.4), for this server only (RFC 8707). The MCP server names its authorization server, but only the one that the credential is for is
 * sent anything: no secret, and nothing signed with the key. Scopes: what the challenge asks for besides those already held, else those set, else those of the metadata. Throws
 * `UpstreamAuthProblem`.
 */
export async function clientCredentialsToken(options: {
  serverUrl: string
  settings: CredentialSettings
  /** As it was sealed. */
  secret: string
  challenge: Challenge | null
  heldScope: string | null
  /** What the token before was bound to. */
  heldKey?: DpopKey | undefined
  /** For a credential that does not say whom it is for: keeps the one that is named, unless one is kept, and answers with that. Left out: it is for nobody. */
  keptIssuer?: (named: string) => Promise<string>
}): Promise<UpstreamToken> {
  const { serverUrl, settings, challenge, heldScope } = options
  const key = options.heldKey ?? (asksForProof(challenge?.wwwAuthenticate ?? null) ? await newDpopKey() : undefined)
  const params = challenge
    ? extractWWWAuthenticateParams(challengeResponse(challenge.status, challenge.wwwAuthenticate))
    : {}
  const asked = computeScopeUnion(heldScope ?? settings.scope, params.scope)
  const provider = providerOf(settings, JSON.parse(options.secret) as ClientSecret, options.keptIssuer ?? forNobody)
  const session = key && (await dpopSession(key))
  if (session) provider.dpop = () => session
  const issuer = settings.issuerFrom ? undefined : settings.issuer
  const { fetchFn, secrets } = notingFetch(oauthFetchFor({ serverUrl, issuer }))
  try {
    await preferIssuer(provider, {
      serverUrl,
      fetchFn,
      issuer: settings.issuer,
      resourceMetadataUrl: params.resourceMetadataUrl,
    })
    await auth(provider, {
      serverUrl,
      fetchFn,
      ...(params.resourceMetadataUrl ? { resourceMetadataUrl: params.resourceMetadataUrl } : {}),
      ...(asked ? { scope: asked } : {}),
    })
  } catch (error) {
    throw authProblem(error)
  }
  const { result } = provider
  if (!result) throw new UpstreamAuthProblem('The authorization server gave no token.', null)
  return { ...tokenOf(result, { askedScope: asked, key }), secrets: [...secrets] }
}

/** When a token ends, by the clock of this process. It is bound to the key where the authorization server says so. */
export function tokenOf(
  tokens: StoredOAuthTokens,
  { askedScope, key }: { askedScope?: string | undefined; key?: DpopKey | undefined } = {},
): UpstreamToken {
  return {
    accessToken: tokens.access_token,
    expiresAt: tokens.expires_in === undefined ? null : Date.now() + tokens.expires_in * 1000,
    scope: tokens.scope ?? askedScope ?? null,
    ...(key && tokens.token_type.toLowerCase() === 'dpop' ? { dpopKey: key } : {}),
  }
}

type Provider = OAuthClientProvider & { result: StoredOAuthTokens | null }

async function forNobody(): Promise<never> {
  throw new UpstreamAuthProblem('It does not say which authorization server may get it.', null)
}

function providerOf(
  settings: CredentialSettings,
  secret: ClientSecret,
  keptIssuer: (named: string) => Promise<string>,
): Provider {
  const clientId = settings.clientId ?? ''
  const method = settings.method ?? 'client_secret_basic'
  const provider: Provider = {
    result: null,
    redirectUrl: undefined,
    clientMetadata: {
      client_name: 'Wheelhouse',
      redirect_uris: [],
      grant_types: ['client_credentials'],
      token_endpoint_auth_method: method,
      ...(settings.scope ? { scope: settings.scope } : {}),
    },
    // The SDK compares its issuer with the one it would send this to.
    clientInformation: async (asked) => ({
      client_id: clientId,
      token_endpoint_auth_method: method,
      ...(secret.clientSecret === undefined ? {} : { client_secret: secret.clientSecret }),
      issuer: settings.issuer ?? (await keptIssuer(asked?.issuer ?? '')),
    }),
    tokens: () => undefined,
    saveTokens: (tokens) => void (provider.result = tokens),
    redirectToAuthorization: () => {
      throw new UpstreamAuthProblem('The authorization server wants a person to authorize this client.', null)
    },
    saveCodeVerifier: () => {},
    codeVerifier: () => '',
    prepareTokenRequest: (scope) =>
      new URLSearchParams({ grant_type: 'client_credentials', ...(scope ? { scope } : {}) }),
  }
  if (method === 'client_secret_basic')
    provider.addClientAuthentication = basicAuth(clientId, secret.clientSecret ?? '')
  if (secret.privateKey === undefined) return provider
  provider.addClientAuthentication = createPrivateKeyJwtAuth({
    issuer: clientId,
    subject: clientId,
    privateKey: secret.privateKey,
    alg: secret.algorithm ?? 'RS256',
  })
  return provider
}

/** Both encoded as a form before they are joined (RFC 6749 §2.3.1): a secret may hold any character. */
function basicAuth(
  clientId: string,
  clientSecret: string,
): NonNullable<OAuthClientProvider['addClientAuthentication']> {
  const encode = (text: string) => new URLSearchParams({ '': text }).toString().slice(1)
  const pair = Buffer.from(`${encode(clientId)}:${encode(clientSecret)}`).toString('base64')
  return (headers) => headers.set('authorization', `Basic ${pair}`)
}

/** A server without metadata of its own (RFC 9728) cannot name its authorization server: then the one that was set is asked. */
export async function preferIssuer(
  provider: OAuthClientProvider,
  options: { serverUrl: string; fetchFn: FetchLike; issuer: string | undefined; resourceMetadataUrl: URL | undefined },
): Promise<void> {
  const { serverUrl, fetchFn, issuer, resourceMetadataUrl } = options
  if (!issuer) return
  const metadata = await discoverOAuthProtectedResourceMetadata(
    serverUrl,
    resourceMetadataUrl ? { resourceMetadataUrl } : {},
    fetchFn,
  ).catch(() => null)
  if (!metadata) provider.discoveryState = () => ({ authorizationServerUrl: issuer })
}
