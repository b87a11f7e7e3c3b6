import type { IncomingMessage } from 'node:http'
import { RequestTelemetry } from '../telemetry/request-telemetry.ts'
import type { Admitted, Exchange, McpEndpointParts } from './exchange.ts'
import { singleHeader } from './http-messages.ts'
import { idOf, isMessage } from './messages.ts'
import { sessionHeader } from './sessions.ts'

const observedMethods = ['initialize', 'server/discover', 'subscriptions/listen']

/**
 * Notes an exchange that is no call, with its span and its time: handshakes, streams to their end, ends of sessions, and answers to what a
 * server asked. Calls note more, and by themselves.
 */
export async function observed(
  parts: McpEndpointParts,
  { request, response, serverId, agent }: Exchange & Admitted,
  { body, ...came }: { body: unknown; startedAt: number; admittedAt: number },
  work: () => Promise<void>,
): Promise<void> {
  const method = nameOf(request, body)
  if (method === null) return await work()
  const { headers } = request
  const facts = {
    method,
    id: idOf(body),
    protocolVersion: singleHeader(request, 'mcp-protocol-version') ?? 'unknown',
    sessionId: singleHeader(request, sessionHeader),
    agentId: agent.id,
    agentClass: agent.tier,
    serverId,
  }
  const params = isMessage(body) ? (body['params'] as Record<string, unknown> | null | undefined) : undefined
  const telemetry = new RequestTelemetry(parts.pipeline, facts, { ...came, meta: params?.['_meta'], headers })
  let error: string | null = '_OTHER'
  try {
    await work()
    error = response.statusCode < 400 ? null : String(response.statusCode)
  } finally {
    telemetry.end(error)
  }
}

/** One of few names; null for what the SDK answers besides. */
function nameOf({ method }: IncomingMessage, body: unknown): string | null {
  if (method === 'GET' || method === 'DELETE') return method
  if (!isMessage(body)) return null
  if (body['method'] === undefined) return body['id'] === undefined ? null : 'response'
  return observedMethods.find((name) => name === body['method']) ?? null
}
