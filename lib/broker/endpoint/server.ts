import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { DomainError } from '#lib/core/errors.ts'
import type { Denial } from '#lib/guardrails/schema.ts'
import type { Log } from '#lib/log/log.ts'
import { errorAnswer } from '../wire.ts'
import { limitConnections } from './connection-limit.ts'
import { metadataPath, resourceMetadata } from './challenge.ts'
import { send } from './http-messages.ts'
import { metricsRefusal } from './metrics-access.ts'
import type { McpEndpointParts } from './exchange.ts'
import { answerMcp } from './mcp.ts'
import { refuseStranger } from './refusing.ts'
import type { RegistryDoor } from '../registry/door.ts'
import { registryPath } from '../registry/messages.ts'
import { UnreadAnswers } from './unread-answers.ts'

export type EndpointParts = Omit<McpEndpointParts, 'unread'> & {
  log: Log
  /** Why the broker is not ready; empty when it is. */
  unready: () => string[]
  registry: RegistryDoor
  /** What whoever reads the metrics shows; null: only callers on this machine may. */
  metricsToken: string | null
  /** That are open at once. */
  connectionsMax: number
}

/** The broker's HTTP server: MCP at `/mcp` and below, the metadata of protected resources, health, readiness and metrics. */
export function createEndpoint(given: EndpointParts): Server {
  const parts = { ...given, unread: new UnreadAnswers(given.pipeline.limits) }
  const { requestHeadMs, requestMs } = parts.pipeline.limits
  const times = {
    headersTimeout: requestHeadMs,
    requestTimeout: requestMs,
    // How often Node looks who is late.
    connectionsCheckingInterval: requestHeadMs,
    keepAliveTimeout: 65_000,
  }
  const server = createServer(times, (request, response) => {
    answer(parts, request, response).catch((error: unknown) => {
      parts.log.error({ err: error, method: request.method, path: pathOf(request) }, 'a request failed')
      const isPassing = error instanceof DomainError && error.code === 'unavailable'
      const message = isPassing ? 'It cannot be done now: try again.' : 'Internal error'
      send(response, errorAnswer(isPassing ? 503 : 500, null, { code: -32603, message }))
      if (!response.writableEnded) response.destroy()
    })
  })
  const { connectionsMax, log } = parts
  limitConnections(server, { connectionsMax, log, onDropped: () => parts.pipeline.metrics.connectionDropped() })
  return server
}

async function answer(
  parts: EndpointParts & McpEndpointParts,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const path = pathOf(request)
  if (path === '/mcp' || path.startsWith('/mcp/')) {
    const serverId = path === '/mcp' ? null : /^\/mcp\/([a-z0-9-]{1,63})$/.exec(path)?.[1]
    if (serverId === undefined) return notFound(response)
    // Browsers have no business here, and a page that rebinds its name to this address is one (DNS rebinding).
    const { origin } = request.headers
    if (origin !== undefined && !isOwn(parts.addresses, origin)) {
      const denial: Denial = { rule: 'browser_origin', message: 'Requests of browsers are refused.' }
      return send(response, await refuseStranger(parts, request, { status: 403, denial }))
    }
    const gone = new AbortController()
    response.once('close', () => {
      if (!response.writableEnded) gone.abort()
    })
    if (path === registryPath) return parts.registry.answer(request, response)
    return answerMcp(parts, { request, response, serverId, gone: gone.signal })
  }
  if (request.method !== 'GET' && request.method !== 'HEAD') return notFound(response)
  if (path === '/healthz') return json(response, 200, { status: 'ok' })
  if (path === '/readyz') {
    const reasons = parts.unready()
    return json(response, reasons.length > 0 ? 503 : 200, { status: reasons.length > 0 ? 'unready' : 'ready', reasons })
  }
  if (path === '/metrics') {
    const refused = metricsRefusal(request, parts.metricsToken)
    if (refused) return send(response, refused)
    const { registry } = parts.pipeline.metrics
    response.writeHead(200, { 'content-type': registry.contentType }).end(await registry.metrics())
    return
  }
  const resource = path.startsWith(metadataPath) ? path.slice(metadataPath.length) || '/mcp' : null
  if (resource === registryPath) return json(response, 200, parts.registry.metadata())
  if (resource !== null && /^\/mcp(\/[a-z0-9-]{1,63})?$/.test(resource)) {
    return json(response, 200, resourceMetadata(parts.addresses, resource))
  }
  return notFound(response)
}

function isOwn({ brokerUrl, portalUrl }: EndpointParts['addresses'], origin: string): boolean {
  return origin === new URL(portalUrl).origin || origin === new URL(brokerUrl).origin
}

function json(response: ServerResponse, status: number, body: Record<string, unknown>): void {
  send(response, { status, body: JSON.stringify(body) })
}

function notFound(response: ServerResponse): void {
  json(response, 404, { error: 'not_found' })
}

function pathOf(request: IncomingMessage): string {
  return (request.url ?? '/').split('?')[0]!
}
