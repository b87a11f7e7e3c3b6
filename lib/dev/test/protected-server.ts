import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { toNodeHandler } from '@modelcontextprotocol/node'
import { createMcpHandler, McpServer } from '@modelcontextprotocol/server'
import { calculateJwkThumbprint, EmbeddedJWK, jwtVerify } from 'jose'
import { type Configuration, type default as OidcProvider, Provider } from 'oidc-provider'
import { z } from 'zod'
import { freePort } from '#lib/dev/ports.ts'
import { secretsIn } from './secrets-in.ts'

export type ProtectedServer = {
  /** Of the MCP server. */
  url: string
  issuer: string
  /** The authorization server that the MCP server names; changed while it runs. */
  names: string
  /** The access tokens calls came with, in their order. */
  tokens: string[]
  /** Grant types of the token requests that were answered with a token. */
  granted: string[]
  /** Codes of the token requests that were refused. */
  refused: string[]
  /** Ids of the proofs that calls came with. */
  proofs: string[]
  /** What its authorization server and it were sent and gave that is secret, proofs too. */
  secrets: Set<string>
  /** Scopes that a call needs; changed while it runs. */
  needs: Set<string>
  /** How long tokens of the next requests go, in seconds. */
  accessTokenSeconds: number
  /** Ends an access token before its time. */
  revoke(token: string): Promise<void>
  /** As a browser does, from the address of an authorization to where it sends the person back. */
  authorize(authorizationUrl: string): Promise<URL>
  stop(): Promise<void>
}

type Client = NonNullable<Configuration['clients']>[number]

/**
 * A real MCP server (`echo`) behind a real authorization server, on loopback: it names it in its challenge (RFC 9728), takes tokens for
 * itself only (RFC 8707), and a refresh token that is used twice ends all that came of it.
 */
export async function startProtectedServer(
  options: {
    clients?: Client[]
    tool?: (name: string, authorization: string) => string
    /** What it says its tool is. */
    says?: (authorization: string) => string
    /** Tokens have to be bound to a key (RFC 9449), `nonce`: with proofs that hold what it gave. */
    proof?: 'any' | 'nonce'
  } = {},
): Promise<ProtectedServer> {
  const issuer = `http://localhost:${await freePort()}`
  const url = `http://localhost:${await freePort()}/mcp`
  const state = {
    url,
    issuer,
    names: issuer,
    tokens: [] as string[],
    granted: [] as string[],
    refused: [] as string[],
    proofs: [] as string[],
    secrets: new Set<string>(),
    needs: new Set(['mcp:call']),
    accessTokenSeconds: 3600,
  }
  const provider = quietly(() => new Provider(issuer, configurationOf({ ...options, state })))
  provider.on('grant.success', (ctx) => {
    state.granted.push(String(ctx.oidc.params?.['grant_type']))
    for (const secret of secretsIn(ctx.oidc.params, ctx.body)) state.secrets.add(secret)
  })
  provider.on('grant.error', (_, error) => state.refused.push(error.message))
  const answer = provider.callback()
  const servers = [
    await listening(
      createServer((request, response) => {
        if (request.url?.startsWith('/interaction/')) void approve(provider, { request, response, url })
        else void answer(request, response)
      }),
      issuer,
    ),
    await listening(resourceServer(provider, { ...options, state }), url),
  ]
  return Object.assign(state, {
    async revoke(token: string) {
      await (await provider.AccessToken.find(token))?.destroy()
      await (await provider.ClientCredentials.find(token))?.destroy()
    },
    authorize: browse,
    async stop() {
      await Promise.all(
        servers.map(async (server) => {
          const closed = once(server, 'close')
          server.close()
          server.closeAllConnections()
          await closed
        }),
      )
    },
  })
}

type Proof = 'any' | 'nonce' | undefined
type State = Pick<
  ProtectedServer,
  'url' | 'issuer' | 'names' | 'tokens' | 'proofs' | 'secrets' | 'needs' | 'accessTokenSeconds'
>

function configurationOf({
  clients = [],
  proof,
  state,
}: {
  clients?: Client[]
  proof?: Proof
  state: State
}): Configuration {
  return {
    clients,
    cookies: { keys: ['test'] },
    pkce: { required: () => true },
    scopes: ['openid', 'offline_access', 'mcp:call', 'mcp:write'],
    ttl: { Interaction: 600, Session: 600, Grant: 3600, RefreshToken: 3600, ClientCredentials: 3600 },
    rotateRefreshToken: true,
    issueRefreshToken: async (_, client) => client.grantTypeAllowed('refresh_token'),
    interactions: { url: (_, interaction) => `/interaction/${interaction.uid}` },
    enabledJWA: { clientAuthSigningAlgValues: ['RS256', 'ES256', 'EdDSA'] },
    clientAuthMethods: ['none', 'client_secret_basic', 'client_secret_post', 'private_key_jwt'],
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      registration: { enabled: true },
      dPoP: {
        enabled: true,
        ...(proof === 'nonce' ? { nonceSecret: randomBytes(32), requireNonce: () => true } : {}),
      },
      resourceIndicators: {
        enabled: true,
        useGrantedResource: () => true,
        getResourceServerInfo: () => ({
          scope: 'mcp:call mcp:write',
          audience: state.url,
          accessTokenFormat: 'opaque',
          accessTokenTTL: state.accessTokenSeconds,
        }),
      },
    },
    findAccount: (_, sub) => ({ accountId: sub, claims: () => ({ sub }) }),
  }
}

/** Logs in and consents, as a person would who agrees to everything. */
async function approve(
  provider: OidcProvider,
  { request, response, url }: { request: IncomingMessage; response: ServerResponse; url: string },
): Promise<void> {
  const { prompt, params, session } = await provider.interactionDetails(request, response)
  if (prompt.name === 'login') return provider.interactionFinished(request, response, { login: { accountId: 'ada' } })
  const grant = new provider.Grant({ accountId: session!.accountId, clientId: String(params['client_id']) })
  const scope = typeof params['scope'] === 'string' ? params['scope'] : ''
  grant.addOIDCScope(scope)
  grant.addResourceScope(url, scope)
  const grantId = await grant.save()
  return provider.interactionFinished(request, response, { consent: { grantId } }, { mergeWithLastSubmission: true })
}

function resourceServer(
  provider: OidcProvider,
  {
    state,
    proof,
    tool = (text) => text,
    says = () => 'says it back',
  }: {
    state: State
    proof?: Proof
    tool?: (name: string, authorization: string) => string
    says?: (authorization: string) => string
  },
): Server {
  const metadata = new URL('/.well-known/oauth-protected-resource/mcp', state.url)
  return createServer((request, response) => {
    void (async () => {
      if (request.url === metadata.pathname) {
        response.writeHead(200, { 'content-type': 'application/json' })
        const scopes_supported = ['mcp:call']
        return response.end(
          JSON.stringify({ resource: state.url, authorization_servers: [state.names], scopes_supported }),
        )
      }
      const { authorization = '' } = request.headers
      const scheme = proof ? 'DPoP' : 'Bearer'
      const text = authorization.startsWith(`${scheme} `) ? authorization.slice(scheme.length + 1) : ''
      const token = (await provider.AccessToken.find(text)) ?? (await provider.ClientCredentials.find(text))
      const challenge = `${scheme} resource_metadata="${metadata.href}", scope="${[...state.needs].join(' ')}"`
      if (!token || token.aud !== state.url) return response.writeHead(401, { 'www-authenticate': challenge }).end()
      const proven = proof ? await checkProof(request, { url: state.url, token: text, jkt: token.jkt }) : null
      if (proof && (!proven || state.proofs.includes(proven.jti)))
        return response.writeHead(401, { 'www-authenticate': `${challenge}, error="invalid_dpop_proof"` }).end()
      if (proven) state.proofs.push(proven.jti)
      if (proven) state.secrets.add(String(request.headers['dpop']))
      if (proof === 'nonce' && proven?.nonce !== resourceNonce) {
        const headers = { 'www-authenticate': `${challenge}, error="use_dpop_nonce"`, 'dpop-nonce': resourceNonce }
        return response.writeHead(401, headers).end()
      }
      const held = new Set((token.scope ?? '').split(' '))
      if ([...state.needs].some((scope) => !held.has(scope)))
        return response.writeHead(403, { 'www-authenticate': `${challenge}, error="insufficient_scope"` }).end()
      state.tokens.push(text)
      return toNodeHandler(
        createMcpHandler(() => echoServer((word) => tool(word, authorization), says(authorization))),
      )(request, response)
    })()
  })
}

const resourceNonce = 'nonce-of-the-mcp-server'

/** What a proof says, if it is one of the token's key for this very request (RFC 9449 §4.3). */
async function checkProof(
  { method, headers }: IncomingMessage,
  { url, token, jkt }: { url: string; token: string; jkt: string | undefined },
): Promise<{ jti: string; nonce: unknown } | null> {
  try {
    const { payload, protectedHeader } = await jwtVerify(String(headers['dpop']), EmbeddedJWK, { typ: 'dpop+jwt' })
    const ath = createHash('sha256').update(token).digest('base64url')
    const isOfKey = jkt === (await calculateJwkThumbprint(protectedHeader.jwk!))
    const fits = payload['htm'] === method && payload['htu'] === url && payload['ath'] === ath
    return isOfKey && fits ? { jti: String(payload.jti), nonce: payload['nonce'] } : null
  } catch {
    return null
  }
}

function echoServer(answer: (word: string) => string, description: string): McpServer {
  const server = new McpServer({ name: 'protected', version: '1' })
  server.registerTool(
    'echo',
    {
      description,
      inputSchema: z.object({ word: z.string().optional() }),
      annotations: { readOnlyHint: true },
    },
    ({ word }) => ({ content: [{ type: 'text' as const, text: answer(word ?? '') }] }),
  )
  return server
}

/** Follows redirects with cookies until they lead away from the authorization server. */
async function browse(start: string): Promise<URL> {
  const cookies = new Map<string, string>()
  const { origin } = new URL(start)
  for (let url = new URL(start); ;) {
    if (url.origin !== origin) return url
    const response = await fetch(url, {
      redirect: 'manual',
      headers: { cookie: [...cookies].map((pair) => pair.join('=')).join('; ') },
    })
    for (const cookie of response.headers.getSetCookie()) {
      const [name = '', ...value] = (cookie.split(';')[0] ?? '').split('=')
      cookies.set(name, value.join('='))
    }
    const location = response.headers.get('location')
    if (location === null)
      throw new Error(`The authorization server answered ${response.status}: ${await response.text()}`)
    url = new URL(location, url)
  }
}

async function listening(server: Server, address: string): Promise<Server> {
  const { hostname, port } = new URL(address)
  server.listen(Number(port), hostname)
  await once(server, 'listening')
  return server
}

// It warns of what is not for production, which this is not.
function quietly<T>(make: () => T): T {
  const { warn, info } = console
  console.warn = console.info = () => {}
  try {
    return make()
  } finally {
    Object.assign(console, { warn, info })
  }
}
