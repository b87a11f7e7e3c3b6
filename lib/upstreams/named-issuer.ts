import {
  discoverAuthorizationServerMetadata,
  discoverOAuthProtectedResourceMetadata,
  extractWWWAuthenticateParams,
  type FetchLike,
} from '@modelcontextprotocol/client'
import { challengeResponse, oauthFetchFor } from './http.ts'

const issuerMax = 2000
/** For everything together: whoever probes waits for it. */
const withinMs = 8000

/**
 * The issuer of the authorization server that an MCP server names (RFC 9728, RFC 8414), for a person to compare with what they know; null when it names none that answers. Nothing
 * follows from it.
 */
export async function namedIssuer(options: { serverUrl: string; wwwAuthenticate: string }): Promise<string | null> {
  const { serverUrl, wwwAuthenticate } = options
  const signal = AbortSignal.timeout(withinMs)
  const ask = oauthFetchFor({ serverUrl })
  const fetchFn: FetchLike = (url, init) => ask(url, { ...init, signal })
  try {
    const { resourceMetadataUrl } = extractWWWAuthenticateParams(challengeResponse(401, wwwAuthenticate))
    const about = resourceMetadataUrl ? { resourceMetadataUrl } : {}
    const { authorization_servers: named } = await discoverOAuthProtectedResourceMetadata(serverUrl, about, fetchFn)
    if (!named?.[0]) return null
    const metadata = await discoverAuthorizationServerMetadata(named[0], { fetchFn })
    return metadata && metadata.issuer.length <= issuerMax ? metadata.issuer : null
  } catch {
    return null
  }
}
