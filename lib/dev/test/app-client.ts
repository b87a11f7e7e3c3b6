import { createServer as createTlsServer } from 'node:https'
import { join } from 'node:path'
import {
  Client,
  type OAuthClientMetadata,
  type OAuthClientProvider,
  StreamableHTTPClientTransport,
  UnauthorizedError,
} from '@modelcontextprotocol/client'
import { parsePortalConfig, type PortalConfig } from '#lib/config/portal.ts'
import type { Db } from '#lib/db/client.ts'
import { createKeyring } from '#lib/keys/commands.ts'
import { createLog } from '#lib/log/log.ts'
import type { RouteHandler } from '#lib/web/route.ts'
import { root } from '../source-files.ts'
import { serveHttp } from './api-portal.ts'

type Stored = Awaited<ReturnType<OAuthClientProvider['tokens']>>
type Information = Awaited<ReturnType<OAuthClientProvider['clientInformation']>>

/** An app of a person as the SDK of MCP has it: it registers itself, or describes itself by a document, and keeps what it gets in memory. */
export class AppClient implements OAuthClientProvider {
  readonly redirectUrl: string
  clientMetadataUrl?: string
  /** Where the person was sent. */
  sentTo: URL | null = null
  stored: Stored
  #information: Information
  #verifier = ''
  #discovery: Awaited<ReturnType<NonNullable<OAuthClientProvider['discoveryState']>>>

  constructor(options: { redirectUrl?: string; clientMetadataUrl?: string } = {}) {
    this.redirectUrl = options.redirectUrl ?? 'http://127.0.0.1:33418/callback'
    if (options.clientMetadataUrl) this.clientMetadataUrl = options.clientMetadataUrl
  }

  get clientMetadata(): OAuthClientMetadata {
    return {
      client_name: 'Test Claude',
      redirect_uris: [this.redirectUrl],
      grant_types: ['authorization_code', 'refresh_token'],
      response_types: ['code'],
      token_endpoint_auth_method: 'none',
    }
  }

  state = () => 'a-state'
  clientInformation = () => this.#information
  saveClientInformation = (information: NonNullable<Information>) => void (this.#information = information)
  tokens = () => this.stored
  saveTokens = (tokens: NonNullable<Stored>) => void (this.stored = tokens)
  redirectToAuthorization = (url: URL) => void (this.sentTo = url)
  saveCodeVerifier = (verifier: string) => void (this.#verifier = verifier)
  codeVerifier = () => this.#verifier
  discoveryState = () => this.#discovery
  saveDiscoveryState = (state: NonNullable<ReturnType<typeof this.discoveryState>>) => void (this.#discovery = state)

  /** Asks as far as it gets without the person. */
  async begin(url: string): Promise<StreamableHTTPClientTransport> {
    const transport = new StreamableHTTPClientTransport(new URL(url), { authProvider: this })
    const client = new Client(
      { name: 'test-app', version: '1' },
      { versionNegotiation: { mode: { pin: '2026-07-28' } } },
    )
    const refused = await client.connect(transport).then(
      () => null,
      (error: unknown) => error,
    )
    if (!(refused instanceof UnauthorizedError)) throw new Error(`It was not sent to anybody: ${String(refused)}`)
    return transport
  }

  async connect(url: string, era: 'modern' | 'legacy' = 'modern'): Promise<Client> {
    const mode = era === 'modern' ? { pin: '2026-07-28' } : 'legacy'
    const client = new Client({ name: 'test-app', version: '1' }, { versionNegotiation: { mode } })
    await client.connect(new StreamableHTTPClientTransport(new URL(url), { authProvider: this }))
    return client
  }
}

const served = {
  '/api/oauth/token': 'app/api/oauth/token/route.ts',
  '/api/oauth/register': 'app/api/oauth/register/route.ts',
  '/api/oauth/revoke': 'app/api/oauth/revoke/route.ts',
  '/.well-known/oauth-authorization-server': 'app/.well-known/oauth-authorization-server/route.ts',
}

/** The portal's authorization server on a test database, in this process: its real route handlers over HTTP. */
export async function startOAuthPortal(options: {
  db: Db
  databaseUrl: string
  port: number
  brokerUrl: string
  encryptionKey: string
}): Promise<{ config: PortalConfig; stop(): Promise<void> }> {
  const { db, databaseUrl, port, brokerUrl, encryptionKey } = options
  const config = parsePortalConfig({
    DATABASE_URL: databaseUrl,
    WHEELHOUSE_URL: `http://127.0.0.1:${port}`,
    WHEELHOUSE_BROKER_URL: brokerUrl,
    WHEELHOUSE_AUTH_SECRET: encryptionKey,
    WHEELHOUSE_ENCRYPTION_KEY: encryptionKey,
    WHEELHOUSE_CLAUDE_KEY: encryptionKey,
    WHEELHOUSE_DEMO: 'true',
  })
  const log = createLog({ process: 'portal', level: 'silent' })
  Object.assign(globalThis, { wheelhousePortal: { config, db, keyring: createKeyring(config.keys, db), log } })
  const handlers = new Map<string, Record<string, RouteHandler>>()
  for (const [path, file] of Object.entries(served)) {
    handlers.set(path, (await import(/* @vite-ignore */ join(root, file))) as Record<string, RouteHandler>)
  }
  const server = await serveHttp(async (request) => {
    const url = new URL(request.url)
    const handler = handlers.get(url.pathname)?.[request.method]
    if (!handler) return new Response(null, { status: 404 })
    const next = Object.assign(request, { nextUrl: url }) as unknown as Parameters<RouteHandler>[0]
    return await handler(next, { params: Promise.resolve({}) })
  }, port)
  return { config, stop: server.close }
}

/** A web server that says the same to whoever asks, over TLS. */
export async function serveDocument(options: {
  key: string
  cert: string
  answer: (path: string) => { status?: number; type?: string; body: string; location?: string }
}): Promise<{ url: string; asked: string[]; stop(): Promise<void> }> {
  const asked: string[] = []
  const server = createTlsServer({ key: options.key, cert: options.cert }, (request, response) => {
    asked.push(request.url ?? '')
    const { status = 200, type = 'application/json', body, location } = options.answer(request.url ?? '')
    response.writeHead(status, { 'content-type': type, ...(location ? { location } : {}) }).end(body)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  const port = typeof address === 'object' && address ? address.port : 0
  return {
    url: `https://localhost:${port}`,
    asked,
    async stop() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
