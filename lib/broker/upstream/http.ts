import type { Dispatcher, Pool } from 'undici'
import { isDeeperThan } from '../depth.ts'
import type { RpcError } from '../wire.ts'
import type { Shown } from './credential.ts'
import type { Redact } from './redaction.ts'
import { SseReader } from './sse.ts'

/** The upstream could not be asked or did not answer as MCP says; `message` is safe to show. */
export class UpstreamFailure extends Error {
  override readonly name: string = 'UpstreamFailure'
  readonly kind: 'unreachable' | 'dropped' | 'refused' | 'session_gone' | 'malformed' | 'too_large' | 'too_deep'

  constructor(kind: UpstreamFailure['kind'], message: string) {
    super(message)
    this.kind = kind
  }
}

/** The server refuses what it was shown, and says what it wants instead. */
export class UpstreamRefusal extends UpstreamFailure {
  readonly challenge: { status: number; wwwAuthenticate: string | null }
  /** What it refuses. */
  shown: Shown | null = null

  constructor(status: number, wwwAuthenticate: unknown) {
    super('refused', `it refuses the broker's credential (${status})`)
    this.challenge = { status, wwwAuthenticate: typeof wwwAuthenticate === 'string' ? wwwAuthenticate : null }
  }
}

/** The server ended a stream before the reply and gave an event to resume after (2025-11-25). */
export class CutOff extends UpstreamFailure {
  readonly eventId: string
  readonly retryMs: number | null

  constructor({ id, retry }: { id: string; retry: number | null }) {
    super('malformed', 'its event stream ended without the reply')
    this.eventId = id
    this.retryMs = retry
  }
}

/** `status`: of the HTTP exchange that brought an error. */
export type RpcReply = { ok: true; result: Record<string, unknown> } | { ok: false; error: RpcError; status: number }

export type RpcMessage = Record<string, unknown>
/** The id of an event and the time to retry after, where the server gives them. */
export type EventMark = { id: string | null; retry: number | null }

/** Takes what a server sends before its reply, in its order; `message` is null for an event that only has an id. Awaited: a slow taker slows its server. */
export type Relay = { take(message: RpcMessage | null, mark: EventMark): Promise<void> | void }

export type Post = {
  pool: Pool
  path: string
  headers: Record<string, string>
  body: string
  signal: AbortSignal
  resultBytesMax: number
  resultDepthMax: number
  /** Takes the credential out of what the server says. */
  redact: Redact
  /** Without one, what comes before the reply is dropped. */
  relay?: Relay | undefined
  /** How long the server may be silent; 0: as long as the signal lets it. */
  silenceMs?: number | undefined
}

/** Reads the reply to a request, which comes as JSON or at the end of an event stream. Rejects with `UpstreamFailure` or the abort. */
export async function readReply(response: Dispatcher.ResponseData, post: Post, id: number | string): Promise<RpcReply> {
  const type = String(response.headers['content-type'] ?? '')
  const { statusCode } = response
  if (statusCode === 401 || statusCode === 403) {
    return discard(response, new UpstreamRefusal(statusCode, response.headers['www-authenticate']))
  }
  if (type.startsWith('text/event-stream') && statusCode === 200) return readEvents(response, post, id)
  const text = await readText(response, post)
  const message = type.startsWith('application/json') ? parse(text) : null
  const reply = message && replyOf(message, statusCode === 200 ? id : null, statusCode)
  if (statusCode === 404 && post.headers['mcp-session-id']) {
    throw new UpstreamFailure('session_gone', 'it does not know the session')
  }
  if (reply) return shallow(reply, post)
  throw new UpstreamFailure('malformed', `it answered with status ${statusCode} and no MCP message`)
}

/** Posts a notification or a response; returns the HTTP status, whatever it is. */
export async function postNotification(post: Post): Promise<number> {
  const response = await send(post)
  await response.body.dump()
  return response.statusCode
}

/** Sends a request of another kind (GET, DELETE, or a POST whose headers matter) and leaves its answer to the caller. */
export async function send(
  { pool, path, headers, body, signal, silenceMs }: Post,
  method: 'POST' | 'GET' | 'DELETE' = 'POST',
): Promise<Dispatcher.ResponseData> {
  try {
    const bodyTimeout = silenceMs === undefined ? {} : { bodyTimeout: silenceMs, headersTimeout: silenceMs }
    return await pool.request({ path, method, headers, signal, ...(method === 'POST' ? { body } : {}), ...bodyTimeout })
  } catch (error) {
    signal.throwIfAborted()
    const code = codeOf(error)
    // The connection was there and ended without an answer, as one does that the server closes for having been idle.
    const kind = code === 'UND_ERR_SOCKET' || code === 'ECONNRESET' || code === 'EPIPE' ? 'dropped' : 'unreachable'
    throw new UpstreamFailure(kind, `it could not be reached (${code})`)
  }
}

async function readEvents(response: Dispatcher.ResponseData, post: Post, id: number | string): Promise<RpcReply> {
  const reader = new SseReader()
  let size = 0
  let last = null as { id: string; retry: number | null } | null
  for await (const chunk of chunksOf(response, post)) {
    size += chunk.length
    if (size > post.resultBytesMax)
      throw new UpstreamFailure('too_large', `it answers with more than ${post.resultBytesMax} bytes`)
    for (const event of reader.push(chunk)) {
      const message = parse(post.redact(event.data))
      const reply = message && replyOf(message, id, 200)
      if (reply) return shallow(reply, post)
      if (event.id !== null) last = { id: event.id, retry: event.retry ?? last?.retry ?? null }
      if (post.relay) await post.relay.take(message, event)
    }
  }
  if (last) throw new CutOff(last)
  throw new UpstreamFailure('malformed', 'its event stream ended without the reply')
}

/** Hands every event of a stream to the relay until it ends. A message may be as large as a result, a stream as long as it likes. */
export async function readStream(response: Dispatcher.ResponseData, post: Post & { relay: Relay }): Promise<void> {
  const reader = new SseReader()
  let pending = 0
  for await (const chunk of chunksOf(response, post)) {
    const events = reader.push(chunk)
    pending = events.length > 0 ? 0 : pending + chunk.length
    if (pending > post.resultBytesMax)
      throw new UpstreamFailure('too_large', `it sends a message of more than ${post.resultBytesMax} bytes`)
    for (const event of events) {
      const message = parse(post.redact(event.data))
      if (isDeeperThan(message, post.resultDepthMax + 2)) continue
      await post.relay.take(message, event)
    }
  }
}

async function readText(response: Dispatcher.ResponseData, post: Post): Promise<string> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of chunksOf(response, post)) {
    size += chunk.length
    if (size > post.resultBytesMax)
      throw new UpstreamFailure('too_large', `it answers with more than ${post.resultBytesMax} bytes`)
    chunks.push(chunk)
  }
  const bytes = chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks)
  return post.redact(bytes.toString('utf8'))
}

async function* chunksOf(response: Dispatcher.ResponseData, post: Post): AsyncGenerator<Buffer> {
  try {
    for await (const chunk of response.body) yield chunk as Buffer
  } catch (error) {
    post.signal.throwIfAborted()
    if (error instanceof UpstreamFailure) throw error
    throw new UpstreamFailure('unreachable', `its connection broke (${codeOf(error)})`)
  }
}

async function discard(response: Dispatcher.ResponseData, failure: UpstreamFailure): Promise<never> {
  await response.body.dump().catch(() => {})
  throw failure
}

function parse(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : null
  } catch {
    return null
  }
}

/** The reply to this request; null for anything else. A failed HTTP exchange may answer without an id. */
function replyOf(message: RpcMessage, id: number | string | null, status: number): RpcReply | null {
  if (id !== null && message['id'] !== id) return null
  const { result, error } = message
  if (typeof result === 'object' && result !== null) return { ok: true, result: result as Record<string, unknown> }
  if (typeof error !== 'object' || error === null) return null
  const { code, message: text, data } = error as Partial<RpcError>
  if (typeof code !== 'number' || typeof text !== 'string') return null
  return { ok: false, status, error: { code, message: text, ...(data === undefined ? {} : { data }) } }
}

function shallow(reply: RpcReply, { resultDepthMax }: Post): RpcReply {
  if (!isDeeperThan(reply.ok ? reply.result : reply.error.data, resultDepthMax)) return reply
  throw new UpstreamFailure('too_deep', `its answer is nested deeper than ${resultDepthMax} levels`)
}

function codeOf(error: unknown): string {
  const code = (error as { code?: unknown } | null)?.code
  return typeof code === 'string' ? code : 'no reason given'
}
