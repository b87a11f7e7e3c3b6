import { randomUUID } from 'node:crypto'
import type { ServerResponse } from 'node:http'
import { decide } from '#lib/guardrails/rules/decide.ts'
import type { AgentFacts, Caller, ToolCall } from '#lib/guardrails/rules/facts.ts'
import type { Denial } from '#lib/guardrails/schema.ts'
import { AgentStream } from '../endpoint/agent-stream.ts'
import type { PipelineParts } from '../pipeline-parts.ts'
import { answering } from '../upstream/beside.ts'
import type { UpstreamConnection } from '../upstream/connection.ts'
import { metaKey } from '../upstream/envelope.ts'
import { UpstreamFailure } from '../upstream/failure.ts'
import { inTime, untilBegun } from '../until-aborted.ts'
import type { Room } from '../upstream/held-bytes.ts'
import type { RpcMessage } from '../upstream/http.ts'
import type { BrokeredServer } from '../view/view.ts'
import { type Filter, honoredOf } from './changes.ts'

/** How much one may watch. */
export const urisMax = 1000
export const uriLengthMax = 2000
const methodNotFound = -32601

/** Who listens, to what, and until when. */
export type Listener = {
  caller: Caller
  agent: AgentFacts
  serverId: string | null
  response: ServerResponse
  accept: string | undefined
  gone: AbortSignal
}

/** A lasting stream that is open: `signal` ends it at the server, `end` here. */
export type Lasting = {
  stream: AgentStream
  signal: AbortSignal
  end: (denial: Denial | null) => void
  closed: Promise<void>
  /** Forgets it without a word, when something else is answered. */
  release: () => void
}

/**
 * Opens a stream that lasts until its agent leaves, is refused, or its time is over. `last`: what is said at a friendly end. Null when the
 * agent has too many.
 */
export function openLasting(
  parts: PipelineParts,
  listener: Listener,
  {
    reads,
    toolsChanged,
    last,
  }: { reads: readonly ToolCall[]; toolsChanged: (stream: AgentStream) => void; last: RpcMessage | null },
): Lasting | null {
  const { streams } = parts.conversations
  const { caller, serverId, response, accept, gone } = listener
  if (streams.countOf(caller.agentId) >= parts.limits.agentStreamsMax) return null
  const stream = new AgentStream(response, accept, 'modern')
  const ending = new AbortController()
  const { promise: closed, resolve } = Promise.withResolvers<void>()
  const release = (): void => {
    ending.abort()
    clearTimeout(timer)
    remove()
    gone.removeEventListener('abort', onGone)
  }
  const end = (denial: Denial | null): void => {
    if (ending.signal.aborted) return
    release()
    if (denial === null && last) void stream.finish({ status: 200, body: JSON.stringify(last) })
    else stream.cut()
    resolve()
  }
  const onGone = (): void => end(null)
  const timer = setTimeout(onGone, parts.limits.streamMs)
  const open = { caller, serverId, reads, toolsChanged: () => toolsChanged(stream), end }
  const remove = streams.add(open, parts.view, parts.now())
  gone.addEventListener('abort', onGone, { once: true })
  if (gone.aborted) onGone()
  return { stream, signal: ending.signal, end, closed, release }
}

/** Whether the agent may be told what a server says besides its tools. */
export function mayRead(
  parts: PipelineParts,
  { caller }: Pick<Listener, 'caller'>,
  serverId: string,
  method: string,
): boolean {
  return decide({ caller, serverId, tool: method, isMethod: true }, parts.view, parts.now()).ok
}

/**
 * Listens at a server of 2026-07-28 until the signal; `begun` is called with what the server says it will tell. False when that is nothing, or it does not know the method.
 */
export async function listenModern(
  connection: UpstreamConnection,
  options: {
    filter: Filter
    signal: AbortSignal
    /** How long the server has to say what it will tell. */
    beginMs: number
    room: Room
    begun: (honored: Filter) => void
    told: (message: RpcMessage) => Promise<void>
  },
): Promise<boolean> {
  const { filter, beginMs, room, begun, told } = options
  let honored: Filter | null = null
  const beginning = untilBegun(options.signal, notBegun(beginMs))
  const reply = await connection
    .request({
      method: 'subscriptions/listen',
      params: { notifications: filter },
      signal: beginning.signal,
      room,
      lasting: true,
      relay: {
        async take(message) {
          if (!message) return
          if (message['method'] === 'notifications/subscriptions/acknowledged') {
            beginning.begun()
            honored = honoredOf(
              filter,
              (message['params'] as { notifications?: unknown } | null | undefined)?.notifications,
            )
            begun(honored)
          } else await told(withoutSubscription(message))
        },
      },
    })
    .finally(beginning.begun)
  if (reply.ok) return honored !== null && Object.keys(honored).length > 0
  if (reply.error.code === methodNotFound) return false
  throw new UpstreamFailure('refused', `it does not let itself be listened to now (${reply.error.code})`)
}

/** Listens at a server with sessions in one opened for it; what is watched is subscribed to in it. False when it keeps no sessions, has no streams, or refuses all that is asked of it. */
export async function listenInSession(
  connection: UpstreamConnection,
  options: {
    uris: readonly string[]
    /** Whether it tells something besides. */
    tellsMore: boolean
    signal: AbortSignal
    /** How long the server has for each step until it tells something. */
    beginMs: number
    room: Room
    /** Called with what of it the server has not refused. */
    begun: (watched: string[]) => void
    told: (message: RpcMessage) => Promise<void>
  },
): Promise<boolean> {
  const { uris, room, begun, told } = options
  const leaving = new AbortController()
  const given = AbortSignal.any([options.signal, leaving.signal])
  const late = notBegun(options.beginMs)
  const session = await inTime(given, late, (signal) => connection.openSession({}, signal))
  if (!session) {
    if (connection.isSessionless) return false
    throw new UpstreamFailure('refused', 'it begins no session now')
  }
  try {
    const answer = (message: RpcMessage, signal: AbortSignal): Promise<number> =>
      connection.tell(message, { session, signal: AbortSignal.any([given, signal]) })
    const relay = answering({ take: (message) => (message ? told(message) : undefined) }, answer)
    const { status, read } = await inTime(given, late, (signal) =>
      connection.openStream(session, { lastEventId: null, relay, room, signal }),
    )
    if (status === 405) return false
    if (!read) throw new UpstreamFailure('refused', `it gives no stream now (${status})`)
    const watched: string[] = []
    const asked = answering(undefined, answer)
    for (const uri of uris) {
      const own = { session, id: randomUUID(), cuts: false }
      const { ok } = await inTime(given, late, (signal) =>
        connection.request({ method: 'resources/subscribe', params: { uri }, signal, own, relay: asked }),
      )
      if (ok) watched.push(uri)
    }
    if (watched.length === 0 && !options.tellsMore) return false
    begun(watched)
    await read()
    return true
  } finally {
    // The stream may be open and not read.
    leaving.abort()
    connection.endSession(session, AbortSignal.timeout(2000)).catch(() => {})
  }
}

function notBegun(ms: number): { ms: number; late: () => UpstreamFailure } {
  return { ms, late: () => new UpstreamFailure('unreachable', `it did not begin within ${ms} ms`) }
}

function withoutSubscription(message: RpcMessage): RpcMessage {
  const params = message['params'] as Record<string, unknown> | undefined
  if (!params?.['_meta']) return message
  const { [metaKey.subscription]: _, ...meta } = params['_meta'] as Record<string, unknown>
  const { _meta, ...rest } = params
  return { ...message, params: Object.keys(meta).length > 0 ? { ...rest, _meta: meta } : rest }
}

/** Before agents are told that a server's tools changed, the registry looks at them: what is new or changed waits for its review. */
export async function afterDiscovery(parts: PipelineParts, server: BrokeredServer, message: RpcMessage): Promise<void> {
  if (message['method'] === 'notifications/tools/list_changed') await parts.lookAgain(server).catch(() => {})
}
