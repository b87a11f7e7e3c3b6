import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import type { Endpoint } from '#lib/api/endpoint.ts'
import { routes } from '#lib/api/routes.ts'
import { parsePortalConfig } from '#lib/config/portal.ts'
import { hashToken, randomSecret } from '#lib/core/secret-box.ts'
import type { Db } from '#lib/db/client.ts'
import { root, sourceFiles } from '#lib/dev/source-files.ts'
import { createKeyring } from '#lib/keys/commands.ts'
import { createLog } from '#lib/log/log.ts'
import { checkAnswer } from './answer-check.ts'
import type { RouteHandler } from '#lib/web/route.ts'

/** Every endpoint of the table, in the order of their paths. */
export const allRoutes: readonly Endpoint[] = Object.values(routes)
  .flatMap((topic): Endpoint[] => Object.values(topic))
  .toSorted((a, b) => (`${a.path} ${a.method}` < `${b.path} ${b.method}` ? -1 : 1))

type Handlers = Partial<Record<string, RouteHandler>>
type Mounted = { pattern: RegExp; names: string[]; path: string; handlers: Handlers; weight: number }

/** The route files of the REST API, or those that the pages ask, with what they export, found as Next finds them. */
export async function mountedRoutes(folder: 'app/api/v1' | 'app/api/portal' = 'app/api/v1'): Promise<Mounted[]> {
  // The catch-all is what answers when there is no endpoint; the document about the endpoints is none of them.
  const files = sourceFiles([folder]).filter(({ path }) => /^(?!.*(?:\[\.\.\.|openapi\.json)).*\/route\.ts$/.test(path))
  return await Promise.all(
    files.map(async ({ path: file }) => {
      const segments = file.slice('app'.length, -'/route.ts'.length).split('/')
      const names = segments.flatMap((segment) => /^\[(\w+)\]$/.exec(segment)?.[1] ?? [])
      return {
        path: segments.map((segment) => segment.replace(/^\[(\w+)\]$/, '{$1}')).join('/'),
        pattern: new RegExp(`^${segments.map((part) => (part.startsWith('[') ? '([^/]+)' : part)).join('/')}$`),
        names,
        handlers: (await import(/* @vite-ignore */ join(root, file))) as Handlers,
        weight: names.length,
      }
    }),
  )
}

/**
 * The portal's REST API, and what its pages ask, on a test database, in this process: `fetch` calls the real route handlers, and throws when an answer is not what its contract says. `listen` serves them over HTTP for
 * programs that run on their own.
 */
export async function openApiPortal(database: { db: Db; databaseUrl: string }, env: Record<string, string> = {}) {
  const secret = Buffer.alloc(32, 1).toString('base64')
  const config = parsePortalConfig({
    DATABASE_URL: database.databaseUrl,
    WHEELHOUSE_URL: 'http://localhost:3000',
    WHEELHOUSE_AUTH_SECRET: secret,
    WHEELHOUSE_ENCRYPTION_KEY: secret,
    WHEELHOUSE_CLAUDE_KEY: secret,
    WHEELHOUSE_DEMO: 'true',
    ...env,
  })
  const log = createLog({ process: 'portal', level: 'silent' })
  const keyring = createKeyring(config.keys, database.db)
  Object.assign(globalThis, { wheelhousePortal: { config, log, db: database.db, keyring } })
  const all = [...(await mountedRoutes()), ...(await mountedRoutes('app/api/portal'))]
  const mounted = all.toSorted((a, b) => a.weight - b.weight)

  async function dispatch(request: Request): Promise<Response> {
    const url = new URL(request.url)
    const found = mounted.find(({ pattern }) => pattern.test(url.pathname))
    if (!found) return new Response('not found', { status: 404 })
    // Next answers a HEAD with what answers the GET.
    const handler = found.handlers[request.method === 'HEAD' ? 'GET' : request.method]
    if (!handler) return new Response(null, { status: 405 })
    const values = found.pattern.exec(url.pathname)?.slice(1) ?? []
    const params = Object.fromEntries(found.names.map((name, at) => [name, decodeURIComponent(values[at] ?? '')]))
    // What the wrappers read of a NextRequest beyond a Request is its URL.
    const next = Object.assign(request, { nextUrl: url }) as unknown as Parameters<RouteHandler>[0]
    const response = await handler(next, { params: Promise.resolve(params) })
    const endpoint = allRoutes.find(({ method, path }) => method === request.method && path === found.path)
    if (endpoint) await checkAnswer(endpoint, response)
    return response
  }

  return {
    fetch: (path: string, options: CallOptions = {}) => dispatch(requestOf(path, options)),
    listen: (options: { port?: number } = {}) => serveHttp(dispatch, options.port ?? 0),
  }
}

export type CallOptions = {
  method?: string
  token?: string | undefined
  body?: unknown
  text?: string
  headers?: Record<string, string>
}

/** A personal access token of a person, written as the product writes them. */
export async function makeToken(
  db: Db,
  options: { personId: string; permissions: readonly string[]; expiresAt?: Date; revokedAt?: Date },
): Promise<string> {
  const token = `wh_pat_${randomSecret(32)}`
  const { personId, permissions, revokedAt } = options
  const expiresAt = options.expiresAt ?? new Date(Date.now() + 3_600_000)
  await db.accessToken.create({
    data: {
      personId,
      name: 'test',
      hash: hashToken(token),
      prefix: token.slice(0, 12),
      permissions: [...permissions],
      expiresAt,
      revokedAt: revokedAt ?? null,
    },
  })
  return token
}

function requestOf(path: string, options: CallOptions): Request {
  const { token, body, text } = options
  return new Request(`http://localhost:3000${path}`, {
    method: options.method ?? 'GET',
    headers: {
      ...(token ? { authorization: `Bearer ${token}` } : {}),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...(text === undefined ? {} : { 'content-type': 'application/yaml' }),
      ...options.headers,
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    ...(text === undefined ? {} : { body: text }),
  })
}

export async function serveHttp(dispatch: (request: Request) => Promise<Response>, wantedPort: number) {
  const server = createServer((incoming, outgoing) => {
    answer(dispatch, incoming, outgoing).catch((error: unknown) => outgoing.destroy(error as Error))
  })
  await new Promise<void>((resolve) => server.listen(wantedPort, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

async function answer(
  dispatch: (request: Request) => Promise<Response>,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
): Promise<void> {
  const ended = new AbortController()
  outgoing.on('close', () => ended.abort())
  const chunks: Buffer[] = []
  for await (const chunk of incoming) chunks.push(chunk as Buffer)
  const request = new Request(`http://${incoming.headers.host}${incoming.url}`, {
    method: incoming.method ?? 'GET',
    headers: incoming.headers as Record<string, string>,
    signal: ended.signal,
    ...(chunks.length > 0 ? { body: Buffer.concat(chunks) } : {}),
  })
  const response = await dispatch(request)
  outgoing.writeHead(response.status, Object.fromEntries(response.headers))
  if (response.body) Readable.fromWeb(response.body as never).pipe(outgoing)
  else outgoing.end()
}
