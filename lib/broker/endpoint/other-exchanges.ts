import { randomUUID } from 'node:crypto'
import { err } from '#lib/core/result.ts'
import type { Denial } from '#lib/guardrails/schema.ts'
import type { Listener } from '../conversation/listening.ts'
import { openSessionStream } from '../conversation/session-stream.ts'
import { passedTo } from '../passing.ts'
import { metaKey } from '../upstream/envelope.ts'
import type { RpcMessage } from '../upstream/http.ts'
import type { Answer, RpcId } from '../wire.ts'
import { cancelledId, type RequestKey } from './cancellations.ts'
import { type Admitted, type Exchange, malformed, type McpEndpointParts, refused, tooOften } from './exchange.ts'
import { greetFirst } from './greeting.ts'
import { send, singleHeader } from './http-messages.ts'
import { notEventStream } from './malformed.ts'
import { idOf, isMessage } from './messages.ts'
import { refuseSession } from './refusing.ts'
import { answerWithSdk } from './sdk.ts'
import { takeAnswer } from './answers.ts'
import { beginSession, endSession, sessionNamed, takeNotice, TooManyNames } from './session-requests.ts'
import { type AgentSession, sessionHeader } from './sessions.ts'

/** What is no request to a server: sessions that begin and what is said within them, and all that the SDK answers. */
export async function answerOther(
  parts: McpEndpointParts,
  exchange: Exchange & Admitted,
  { text, body }: { text: string; body: unknown },
): Promise<void> {
  const { request, response } = exchange
  const { pipeline } = parts
  if (!isMessage(body) || isEnveloped(body)) return answerRest(parts, exchange, { text, body })
  const name = singleHeader(request, sessionHeader)
  if (body['method'] === 'initialize') {
    const asksTooOften = pipeline.rates.takeForAgent(exchange.caller.agentId)
    if (asksTooOften) return send(response, tooOften(parts, exchange, asksTooOften, idOf(body)))
    const denial = await greetFirst(pipeline, exchange)
    const session = denial ? err(denial) : await beginSession(pipeline, exchange, body)
    if (!session.ok) return send(response, notNow(parts, exchange, { body, denial: session.error }))
    return answerCounted(parts, exchange, { text, body, session: session.value })
  }
  const session = await sessionNamed(pipeline, exchange, name)
  if (session === null) return send(response, await refuseSession(parts, exchange, body))
  if (session instanceof TooManyNames) return send(response, tooOften(parts, exchange, session.denial, idOf(body)))
  if (body['method'] === undefined && body['id'] !== undefined) {
    return send(response, await takeAnswer(pipeline, exchange, { session, body }))
  }
  if (body['id'] !== undefined || session === undefined) {
    cancelHere(parts, exchange, body)
    return answerRest(parts, exchange, { text, body })
  }
  if (cancelHere(parts, exchange, body)) return send(response, { status: 202, body: '' })
  send(response, await takeNotice(pipeline, exchange, { session, body }))
}

/**
 * Whether the message cancels a request that runs at this replica; what does not is told to the others. Telling them costs something, so it
 * counts as a call.
 */
function cancelHere(
  { cancellations, pipeline }: McpEndpointParts,
  exchange: Exchange & Admitted,
  body: unknown,
): boolean {
  const id = cancelledId(body)
  if (id === undefined) return false
  const key = requestKey(exchange, exchange, id)
  if (cancellations.cancel(key)) return true
  if (pipeline.rates.takeForAgent(key.agentId) === null) cancellations.tellOthers(key)
  return false
}

/** The stream of a session, and its end. */
export async function answerWithoutBody(parts: McpEndpointParts, exchange: Exchange & Admitted): Promise<void> {
  const { request, response } = exchange
  const name = singleHeader(request, sessionHeader)
  const isOfSession = request.method === 'GET' || request.method === 'DELETE'
  if (name === undefined || !isOfSession) return answerRest(parts, exchange, { text: null, body: undefined })
  const session = await sessionNamed(parts.pipeline, exchange, name)
  if (!session) return send(response, await refuseSession(parts, exchange))
  if (session instanceof TooManyNames) return send(response, tooOften(parts, exchange, session.denial))
  if (request.method === 'DELETE') return send(response, await endSession(parts.pipeline, exchange, session))
  const listener = listenerOf(exchange)
  if (!listener.accept?.includes('text/event-stream')) {
    return send(response, malformed(parts, notEventStream))
  }
  const lastEventId = singleHeader(request, 'last-event-id')
  const answer = await openSessionStream(parts.pipeline, listener, { session, lastEventId })
  if (answer) send(response, answer)
}

export function listenerOf({ caller, agent, serverId, request, response, gone }: Exchange & Admitted): Listener {
  return { caller, agent, serverId, response, accept: request.headers.accept, gone }
}

/** Whether a message claims the envelope of 2026-07-28. */
function isEnveloped({ params }: RpcMessage): boolean {
  const meta = (params as { _meta?: Record<string, unknown> } | null | undefined)?._meta
  return typeof meta === 'object' && meta !== null && metaKey.version in meta
}

/** A client that names no session cannot be told from another one of the same run: nothing of it can be cancelled. */
export function requestKey({ request }: Exchange, { caller }: Admitted, id: RpcId): RequestKey {
  const session = singleHeader(request, sessionHeader) ?? randomUUID()
  return { agentId: caller.agentId, runId: caller.runId, session, id }
}

/** All that the SDK answers. It counts as a call: whoever asks what is none is slowed like anybody else. */
export async function answerRest(
  parts: McpEndpointParts,
  exchange: Exchange & Admitted,
  { text, body }: { text: string | null; body: unknown },
): Promise<void> {
  const denial = parts.pipeline.rates.takeForAgent(exchange.caller.agentId)
  if (denial) return send(exchange.response, tooOften(parts, exchange, denial, idOf(body)))
  return answerCounted(parts, exchange, { text, body, session: null })
}

async function answerCounted(
  parts: McpEndpointParts,
  exchange: Exchange & Admitted,
  { text, body, session }: { text: string | null; body: unknown; session: AgentSession | null },
): Promise<void> {
  const { request, response, gone } = exchange
  if (isMessage(body) && body['method'] === 'server/discover') {
    const denial = await greetFirst(parts.pipeline, exchange)
    if (denial) return send(response, notNow(parts, exchange, { body, denial }))
  }
  const url = parts.addresses.brokerUrl + (request.url ?? '')
  const { method = 'GET', headers } = request
  const era = isMessage(body) && isEnveloped(body) ? 'modern' : 'legacy'
  return answerWithSdk(
    parts.sdk.handlerFor(passedTo(parts.pipeline, { ...exchange, era })),
    { url, method, headers, text, body, gone, session: session?.name ?? null },
    response,
  )
}

/** A handshake that cannot be had now can be had later. */
function notNow(
  parts: McpEndpointParts,
  { caller, serverId }: Exchange & Admitted,
  { body, denial }: { body: unknown; denial: Denial },
): Answer {
  const about = { agentId: caller.agentId, ...(serverId === null ? {} : { serverId }) }
  return refused(parts, 503, denial, about, idOf(body))
}
