import { extractWWWAuthenticateParams } from '@modelcontextprotocol/client'
import { asksForProof } from './dpop.ts'
import { oauthFetch } from './http.ts'

type Challenge = { resourceMetadataUrl: string | null; scope: string | null; wantsProof: boolean }

const version = '2025-11-25'
const client = { name: 'wheelhouse', version: '1' }

/**
 * What a server says to somebody without a token: where its metadata is, which scopes it wants and whether it wants proof; nothing when it does not say. Some let
 * everybody greet them and ask for a token only when their tools are listed.
 */
export async function readChallenge(serverUrl: string): Promise<Challenge> {
  const greeting = { protocolVersion: version, capabilities: {}, clientInfo: client }
  const greeted = await post(serverUrl, { method: 'initialize', params: greeting })
  const session = greeted?.headers.get('mcp-session-id')
  const first = challengeOf(greeted)
  if (first) return first
  const listed = await post(serverUrl, {
    method: 'tools/list',
    params: {},
    headers: { 'mcp-protocol-version': version, ...(session ? { 'mcp-session-id': session } : {}) },
  })
  return challengeOf(listed) ?? { resourceMetadataUrl: null, scope: null, wantsProof: false }
}

async function post(
  url: string,
  { method, params, headers = {} }: { method: string; params: object; headers?: Record<string, string> },
): Promise<Response | null> {
  const response = await oauthFetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'application/json, text/event-stream', ...headers },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }),
  }).catch(() => null)
  await response?.body?.cancel().catch(() => {})
  return response
}

function challengeOf(response: Response | null): Challenge | null {
  if (response?.status !== 401) return null
  const { resourceMetadataUrl, scope } = extractWWWAuthenticateParams(response)
  const wantsProof = asksForProof(response.headers.get('www-authenticate'))
  return { resourceMetadataUrl: resourceMetadataUrl?.href ?? null, scope: scope ?? null, wantsProof }
}
