import { extractWWWAuthenticateParams } from '@modelcontextprotocol/client'
import { oauthFetch } from './http.ts'

/** What a server says to somebody without a token: where its metadata is and which scopes it wants; nothing when it does not say. */
export async function readChallenge(
  serverUrl: string,
): Promise<{ resourceMetadataUrl: string | null; scope: string | null }> {
  const params = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'wheelhouse', version: '1' } }
  const response = await oauthFetch(serverUrl, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'application/json, text/event-stream' },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'initialize', params }),
  }).catch(() => null)
  await response?.body?.cancel()
  if (response?.status !== 401) return { resourceMetadataUrl: null, scope: null }
  const { resourceMetadataUrl, scope } = extractWWWAuthenticateParams(response)
  return { resourceMetadataUrl: resourceMetadataUrl?.href ?? null, scope: scope ?? null }
}
