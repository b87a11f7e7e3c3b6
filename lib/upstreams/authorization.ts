import type {
  DpopSession,
  OAuthClientProvider,
  OAuthDiscoveryState,
  StoredOAuthClientInformation,
  StoredOAuthTokens,
} from '@modelcontextprotocol/client'
import { isSameIssuer, otherIssuer } from './problem.ts'

/** Where the portal is, as authorization servers are told. */
export type PortalClient = {
  redirectUrl: string
  /** Where the portal describes itself as a client (a Client ID Metadata Document); null when nobody else can read it there. */
  clientMetadataUrl: string | null
}

/** What has to be known between sending a person to the authorization server and their return. */
export type AuthorizationState = {
  /** Where the client came from: given by a person, or registered by the portal. */
  client: StoredOAuthClientInformation | null
  /** The authorization server that the person named; null: the one the server names. */
  issuer: string | null
  discovery: OAuthDiscoveryState | null
  verifier: string | null
  resource: string | null
  scope: string | null
  resourceMetadataUrl: string | null
  /** Whether the server wants proof that a token is shown by whom it was given to. */
  wantsProof: boolean
  reason: string | null
}

/** How the portal describes itself, in metadata and in a registration. */
export function clientMetadataOf({ redirectUrl }: Pick<PortalClient, 'redirectUrl'>, method = 'none') {
  return {
    client_name: 'Wheelhouse',
    redirect_uris: [redirectUrl],
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
    token_endpoint_auth_method: method,
  }
}

/** The SDK's view of one authorization: it reads and changes `state`, and leaves what came of it in `outcome`. */
export function authorizationProvider(options: {
  portal: PortalClient
  state: AuthorizationState
  stateText: string
  /** What the tokens are to be bound to; left out: nothing. */
  dpop?: DpopSession
}): {
  provider: OAuthClientProvider
  outcome: { authorizationUrl: URL | null; tokens: StoredOAuthTokens | null }
} {
  const { portal, state, stateText, dpop } = options
  const outcome: { authorizationUrl: URL | null; tokens: StoredOAuthTokens | null } = {
    authorizationUrl: null,
    tokens: null,
  }
  const { token_endpoint_auth_method: _, ...metadata } = clientMetadataOf(portal)
  const provider: OAuthClientProvider = {
    redirectUrl: portal.redirectUrl,
    ...(portal.clientMetadataUrl === null ? {} : { clientMetadataUrl: portal.clientMetadataUrl }),
    clientMetadata: metadata,
    state: () => stateText,
    clientInformation: (asked) => {
      if (state.issuer && asked && !isSameIssuer(state.issuer, asked.issuer)) throw otherIssuer()
      return state.client ?? undefined
    },
    saveClientInformation: (client) => void (state.client = client),
    // Tokens of before are of no use here: a person is asked anew.
    tokens: () => undefined,
    saveTokens: (tokens) => void (outcome.tokens = tokens),
    redirectToAuthorization: (url) => void (outcome.authorizationUrl = url),
    saveCodeVerifier: (verifier) => void (state.verifier = verifier),
    codeVerifier: () => state.verifier ?? '',
    saveDiscoveryState: (discovery) => void (state.discovery = discovery),
    discoveryState: () => state.discovery ?? undefined,
    saveResourceUrl: (resource) => void (state.resource = resource),
    ...(dpop ? { dpop: () => dpop } : {}),
  }
  return { provider, outcome }
}
