import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { newRequestId } from '#lib/core/ids.ts'
import type { Db } from '#lib/db/client.ts'
import type { Log } from '#lib/log/log.ts'
import { authenticate, type Keys } from './auth.ts'
import { ApiError, toErrorBody } from './errors.ts'
import { readQuery } from './query.ts'
import { type Answer, type Call, type Match, matchRoute, type Method, type Route } from './router.ts'

const bodyBytesMax = 8 * 1024 * 1024
const betaHeader = 'managed-agents-2026-04-01'

type Options = {
  routes: readonly Route[]
  db: Db
  keys: Keys
  log: Log
  now: () => Date
  /** Sent with every answer, so that nobody takes scripted answers for a model's. */
  simulated: boolean
}

export type HttpServer = {
  server: Server
  /** Resolves when no request is being worked on any more, also none whose client has gone: the database may go then. */
  settled(): Promise<void>
}

/** The API over node:http: authentication, the router, JSON bodies, request ids and the error envelope. */
export function createHttpServer(options: Options): HttpServer {
  const pending = new Set<Promise<void>>()
  const server = createServer((request, response) => {
    const answering = answerRequest(options, request, response).finally(() => pending.delete(answering))
    pending.add(answering)
  })
  server.requestTimeout = 60_000
  server.headersTimeout = 20_000
  return {
    server,
    async settled() {
      while (pending.size > 0) await Promise.allSettled(pending)
    },
  }
}

async function answerRequest(options: Options, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const requestId = newRequestId()
  response.setHeader('request-id', requestId)
  response.setHeader('x-wheelhouse-model', options.simulated ? 'simulated' : 'anthropic')
  const aborted = new AbortController()
  response.on('close', () => aborted.abort())
  try {
    await send(response, await handle(options, request, aborted.signal))
  } catch (error) {
    if (!(error instanceof ApiError))
      options.log.error({ err: error, requestId, path: pathOf(request) }, 'request failed')
    if (response.headersSent) {
      response.destroy()
      return
    }
    const known = error instanceof ApiError ? error : new ApiError(500, 'Internal server error')
    writeJson(response, known.status, toErrorBody(known, requestId))
  }
}

async function handle(options: Options, request: IncomingMessage, signal: AbortSignal): Promise<Answer> {
  const url = new URL(request.url ?? '/', 'http://localhost')
  if (request.method === 'GET' && url.pathname === '/healthz') return { json: { status: 'ok' } }
  const principal = await authenticate(request.headers, options.keys, options.db)
  const { route, params } = findRoute(options.routes, request, url)
  if (!route.allow.includes(principal.kind)) {
    throw new ApiError(403, `This endpoint does not accept ${nameOf(principal.kind)}.`)
  }
  const call: Call = {
    method: route.method,
    params,
    query: readQuery(url.searchParams),
    headers: request.headers,
    body: await readBody(request),
    principal,
    now: options.now(),
    signal,
  }
  return await route.handle(call)
}

function findRoute(routes: readonly Route[], request: IncomingMessage, url: URL): Match {
  const method = (request.method ?? 'GET') as Method
  const match = matchRoute(routes, method, url.pathname)
  if (match === 'method') throw new ApiError(405, `${method} is not allowed on ${url.pathname}.`)
  // Without the beta header these endpoints do not exist.
  if (match === 'nothing' || !String(request.headers['anthropic-beta'] ?? '').includes(betaHeader)) {
    throw new ApiError(
      404,
      `${url.pathname} does not exist, or the request lacks the header anthropic-beta: ${betaHeader}.`,
    )
  }
  if (!request.headers['anthropic-version']) throw new ApiError(400, 'anthropic-version: header is required')
  return match
}

async function readBody(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = []
  let bytes = 0
  try {
    for await (const chunk of request as AsyncIterable<Buffer>) {
      bytes += chunk.length
      if (bytes > bodyBytesMax) throw new ApiError(413, 'The request is larger than 8 MiB.')
      chunks.push(chunk)
    }
  } catch (error) {
    // Nobody is there to be told.
    throw error instanceof ApiError ? error : new ApiError(400, 'The request ended before its body did.')
  }
  if (bytes === 0) return {}
  try {
    return JSON.parse(Buffer.concat(chunks).toString('utf8')) as unknown
  } catch {
    throw new ApiError(400, 'The request body is not valid JSON.')
  }
}

async function send(response: ServerResponse, answer: Answer): Promise<void> {
  if ('stream' in answer) await answer.stream(response)
  else writeJson(response, 200, answer.json)
}

function writeJson(response: ServerResponse, status: number, body: unknown): void {
  const text = JSON.stringify(body)
  response.writeHead(status, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) })
  response.end(text)
}

function nameOf(kind: Call['principal']['kind']): string {
  if (kind === 'api') return 'an API key'
  return kind === 'environment' ? 'the environment key' : 'a work item token'
}

function pathOf(request: IncomingMessage): string {
  return (request.url ?? '/').split('?')[0] ?? '/'
}
